import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import path from 'node:path';
import express, { type RequestHandler } from 'express';
import { config, projectRoot } from './config';

const built = path.join(projectRoot, 'dist', 'web');
const yearMs = 365 * 24 * 3600 * 1000;
const isDevelopment = config.NODE_ENV === 'development' && __filename.endsWith('.ts');

/** The path of Vite's own socket in development; undefined otherwise. */
export const hotReloadPath = isDevelopment ? '/hot-reload' : undefined;

/** The addresses that the page tells apart by itself, besides `/`, where the default film is. */
export const pageAddress = /^\/(costs|films(\/[0-9a-f]{24}(\/costs)?)?)\/?$/;

/** Serves the timeline in the browser: the build, or the sources with hot reload under `npm run dev`. */
export async function webClient(server: Server): Promise<RequestHandler> {
  if (isDevelopment) return withHotReload(server);
  const router = express.Router();
  if (!existsSync(built)) return router;
  // The names of assets contain a hash of their content; the page itself must always be revalidated.
  router.use(
    '/assets',
    express.static(path.join(built, 'assets'), { immutable: true, maxAge: yearMs, index: false, redirect: false }),
  );
  router.get(pageAddress, (_request, response) => {
    response.set('Cache-Control', 'no-cache').sendFile('index.html', { root: built, cacheControl: false });
  });
  router.use(
    express.static(built, {
      cacheControl: false,
      redirect: false,
      setHeaders: (response) => void response.set('Cache-Control', 'no-cache'),
    }),
  );
  return router;
}

async function withHotReload(server: Server): Promise<RequestHandler> {
  const { createServer } = await import('vite');
  const vite = await createServer({
    root: path.join(projectRoot, 'src', 'web'),
    configFile: path.join(projectRoot, 'vite.config.mts'),
    appType: 'spa',
    server: { middlewareMode: true, hmr: { server, path: hotReloadPath } },
  });
  return vite.middlewares;
}
