import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import cors from 'cors';
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import helmet from 'helmet';
import swaggerUi from 'swagger-ui-express';
import { config } from './config';
import { errorCodes } from './contract/errors';
import { audioKinds } from './media/audio-type';
import { isAllowedOrigin, accessDenied } from './utils/origin-guard';
import { Download, JsonText, Reply, type AnyEndpoint } from './utils/endpoint';
import { AppError, toAppError } from './utils/errors';
import { toFileName } from './utils/file-name';
import { logger } from './utils/logger';
import { pageAddress } from './web-client';

const maxBodyBytes = 256 * 1024;
const yearMs = 365 * 24 * 3600 * 1000;
/** The default Retry-After, since providers usually count requests per minute. */
const rateLimitMs = 60_000;
const uploadedFile =
  /^\/((images|videos|exports)\/[A-Za-z0-9_-]+\.(png|jpg|jpeg|webp|mp4)|audio\/[A-Za-z0-9_-]+\.(mp3|wav|m4a|aac|ogg|flac))$/;

const readJson = express.json({ limit: maxBodyBytes, strict: false, type: () => true });

type Specs = { openapi: object; asyncapi: object };

/** The Express app around the endpoints: access control, body parsing, and the one place that writes errors. */
export function createApp(endpoints: AnyEndpoint[], specs: Specs, webClient: RequestHandler): Express {
  const app = guardedApp();
  app.use(crossOrigin);
  for (const endpoint of endpoints) app[endpoint.method](endpoint.path, readBody(endpoint), runEndpoint(endpoint));
  app.get('/openapi.json', (_request, response) => void response.json(specs.openapi));
  app.get('/asyncapi.json', (_request, response) => void response.json(specs.asyncapi));
  app.get('/docs', (_request, response) => void response.type('html').send(docsPage(specs.openapi)));
  app.use('/docs', swaggerUi.serve);
  app.get('/uploads{/*file}', sendUpload);
  app.use(webClient);
  app.use(unknownRoute(endpoints));
  app.use(writeError);
  return app;
}

/** The Express app of the socket port, which refuses everything but upgrades, with a JSON error. */
export function createSocketApp(): Express {
  const app = guardedApp();
  app.use(() => {
    throw new AppError('NOT_FOUND', 'This port accepts WebSocket connections only; REST is served on SERVER_PORT.');
  });
  app.use(writeError);
  return app;
}

function guardedApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', 'loopback');
  app.use(varyByOrigin, securityHeaders, enforceSameOrigin);
  return app;
}

function varyByOrigin(_request: Request, response: Response, next: NextFunction): void {
  response.vary('Origin');
  next();
}

const securityHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      mediaSrc: ["'self'", 'blob:'],
      styleSrc: ["'self'", "'unsafe-inline'"],
      objectSrc: ["'none'"],
      baseUri: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'self'"],
    },
  },
  crossOriginResourcePolicy: { policy: 'same-site' },
  // The server speaks plain http; the proxy that terminates TLS sets this header.
  strictTransportSecurity: false,
});

function enforceSameOrigin(request: Request, _response: Response, next: NextFunction): void {
  next(accessDenied(request) ?? undefined);
}

const crossOrigin = cors({
  origin: (origin, callback) => callback(null, origin !== undefined && isAllowedOrigin(origin)),
  methods: ['GET', 'HEAD', 'POST'],
  allowedHeaders: ['Content-Type', 'Idempotency-Key', 'If-None-Match', 'Range'],
  exposedHeaders: ['ETag', 'Retry-After', 'Content-Range', 'Content-Disposition'],
  credentials: false,
});

/** JSON routes accept only `application/json`, since forms and plain text need no preflight from a foreign page. */
function readBody(endpoint: AnyEndpoint) {
  return (request: Request, response: Response, next: NextFunction) => {
    if (!endpoint.body && !endpoint.file) return next();
    const wanted = endpoint.file ? 'multipart/form-data' : 'application/json';
    const type = request.get('Content-Type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== wanted)
      return next(new AppError('UNSUPPORTED_MEDIA_TYPE', `Send the body with Content-Type: ${wanted}.`));
    if (endpoint.file) return next();
    readJson(request, response, next);
  };
}

function runEndpoint(endpoint: AnyEndpoint) {
  return async (request: Request, response: Response) => {
    const hangUp = new AbortController();
    response.on('close', () => response.writableEnded || hangUp.abort());
    const result = await endpoint.run(request, hangUp.signal);
    if (result instanceof JsonText) return sendJson(request, response, 200, result);
    if (result instanceof Download) return sendDownload(request, response, result);
    const { status, body } = result instanceof Reply ? result : new Reply(endpoint.status ?? 200, result);
    const text = JSON.stringify(body);
    // Outside production, every reply is checked against the contract, so that every test is a contract test.
    if (!config.isProduction && typeof endpoint.reply !== 'string') endpoint.reply.parse(JSON.parse(text));
    sendJson(request, response, status, new JsonText(text));
  };
}

function sendJson(request: Request, response: Response, status: number, { text, etag }: JsonText): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead) response.set({ ETag: etag, 'Cache-Control': 'no-cache' });
  // Express would reply 200 to `Cache-Control: no-cache`, which fetch sends with every `If-None-Match`.
  const isKnown = isRead && (request.get('If-None-Match') ?? '').split(',').some((known) => known.trim() === etag);
  if (isKnown) response.status(304).end();
  else response.status(status).type('json').send(text);
}

/** Sends a file; what fails after the first byte breaks the connection, so that nobody takes a part for the whole. */
async function sendDownload(request: Request, response: Response, download: Download): Promise<void> {
  const { fileName, size, stream } = download;
  response.attachment(fileName).set({ 'Content-Length': String(size), 'Cache-Control': 'no-store' });
  if (request.method === 'HEAD' || response.destroyed) {
    stream.destroy();
    response.end();
    return;
  }
  await pipeline(stream, response).catch((error: unknown) => {
    const hasLeft = (error as { code?: string }).code === 'ERR_STREAM_PREMATURE_CLOSE';
    const fields = { path: request.path, file_name: fileName, error };
    if (hasLeft) logger.debug('client left during a download', fields);
    else logger.error('download not sent to its end', fields);
  });
}

/** Serves a stored image, clip or music: only our own names, types by extension, and no symlinks to other places. */
async function sendUpload(request: Request, response: Response, next: NextFunction): Promise<void> {
  const name = request.path.slice('/uploads'.length);
  const file = path.join(config.UPLOAD_DIR, name);
  const [real, root] = await Promise.all([file, config.UPLOAD_DIR].map((each) => realpath(each).catch(() => null)));
  const isOurs = uploadedFile.test(name) && real && root && real === path.join(root, name);
  if (!isOurs) throw new AppError('NOT_FOUND', 'There is no such file.');
  response.set('Content-Security-Policy', "default-src 'none'; sandbox; frame-ancestors 'self'");
  const audio = Object.entries(audioKinds).find(([ext]) => name.endsWith(`.${ext}`))?.[1];
  if (audio) response.type(audio.mime);
  const { download } = request.query;
  if (typeof download === 'string') response.attachment(nameOfDownload(download, path.extname(name)));
  // With `root`, Express does not refuse a parent folder whose name begins with a dot.
  response.sendFile(name, { root: config.UPLOAD_DIR, immutable: true, maxAge: yearMs }, (error) => {
    if (error && !response.headersSent) next(error);
  });
}

/** The wanted name of a download, with the extension of its file. */
function nameOfDownload(wanted: string, extension: string): string {
  const isThere = wanted.toLowerCase().endsWith(extension);
  return toFileName(isThere ? wanted.slice(0, -extension.length) : wanted, extension, 'download');
}

/** The API page; its base makes assets load from /docs/, with or without a trailing slash in the address. */
const docsPage = (openapi: object): string =>
  swaggerUi
    .generateHTML(openapi, { customSiteTitle: 'Video Maker API' })
    .replace('<head>', '<head><base href="/docs/">');

/** What is served besides the endpoints, for GET and HEAD only. */
const pages = /^\/($|docs(\/|$)|uploads\/|assets\/|openapi\.json$|asyncapi\.json$)/;

function unknownRoute(endpoints: AnyEndpoint[]) {
  return (request: Request) => {
    const isOfPage = pages.test(request.path) || pageAddress.test(request.path);
    const isPage = isOfPage && request.method !== 'GET' && request.method !== 'HEAD';
    const known = endpoints.filter(({ path: address }) => address === request.path);
    const methods = isPage ? ['GET'] : known.map(({ method }) => method.toUpperCase());
    if (methods.length === 0) {
      throw new AppError('NOT_FOUND', 'There is nothing at this address; /docs lists all addresses.');
    }
    const allow = methods.includes('GET') ? [...methods, 'HEAD'].join(', ') : methods.join(', ');
    throw new AppError('METHOD_NOT_ALLOWED', `This address allows ${allow} only.`, { headers: { Allow: allow } });
  };
}

/** The one place that writes an error over HTTP. */
function writeError(thrown: unknown, request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) return next(thrown);
  const error = toAppError(thrown);
  const { method, path: address } = request;
  if (error.code === 'INTERNAL') logger.error('request failed', { method, path: address, error: thrown });
  else logger.debug('request refused', { method, path: address, code: error.code, reason: error.message });
  const isBadRange = (thrown as { status?: number }).status === 416;
  const retryAfterMs = error.retryAfterMs ?? (error.code === 'PROVIDER_RATE_LIMITED' ? rateLimitMs : undefined);
  if (retryAfterMs !== undefined) response.set('Retry-After', String(Math.ceil(retryAfterMs / 1000)));
  response.set({ 'Cache-Control': 'no-store', ...error.headers }).status(isBadRange ? 416 : errorCodes[error.code]);
  response.type('json').send(JSON.stringify({ error: error.body }));
}
