import type { IncomingMessage } from 'node:http';
import { config, isLoopback } from '../config';
import { AppError } from './errors';

const publicHosts = new Set(config.PUBLIC_ORIGIN.map((origin) => new URL(origin).hostname));
const publicOrigins = new Set(config.PUBLIC_ORIGIN);
const ownPorts = new Set<string>();

/** Treats `http://localhost:<port>` and other loopback origins with this port as our own from now on. */
export function addOwnPort(port: number): void {
  ownPorts.add(String(port));
}

/**
 * Why this request must not be served, or null. There is no login, so this protects the server from web pages that its user
 * visits: an allowlist of host names (against DNS rebinding) and one of origins. The two are never compared with each other,
 * since after a rebinding both are the attacker's name.
 */
export function accessDenied(request: IncomingMessage): AppError | null {
  if (!isAllowedHost(request)) {
    const message = 'This host name is not served; add its origin to PUBLIC_ORIGIN in .env if it is yours.';
    return new AppError('HOST_NOT_ALLOWED', message);
  }
  const { origin } = request.headers;
  if (origin !== undefined && !isAllowedOrigin(origin)) {
    const message =
      'Pages from this origin may not use the server; add the origin to PUBLIC_ORIGIN in .env if it is yours.';
    return new AppError('ORIGIN_NOT_ALLOWED', message);
  }
  if (request.headers['sec-fetch-site'] === 'cross-site' && !isNavigationToPage(request)) {
    const message = 'Other sites may not use the server; open it at an origin listed in PUBLIC_ORIGIN in .env.';
    return new AppError('ORIGIN_NOT_ALLOWED', message);
  }
  return null;
}

function isAllowedHost({ rawHeaders, headers }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (count !== 1 || !headers.host) return false;
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i.exec(headers.host);
  const name = match?.[1]?.toLowerCase().replace(/\.$/, '');
  return name !== undefined && (isLoopback(name) || publicHosts.has(name));
}

/** Whether a page from this origin may read our replies. */
export function isAllowedOrigin(origin: string): boolean {
  const value = origin.toLowerCase();
  if (publicOrigins.has(value)) return true;
  if (!/^https?:\/\/[^/?#@\\]+$/.test(value) || !URL.canParse(value)) return false;
  const url = new URL(value);
  if (!isLoopback(url.hostname.replace(/\.$/, ''))) return false;
  return !config.isProduction || ownPorts.has(url.port || (url.protocol === 'https:' ? '443' : '80'));
}

function isNavigationToPage({ method, url = '/', headers }: IncomingMessage): boolean {
  if (headers.upgrade) return false;
  const path = url.split('?')[0];
  return (
    method === 'GET' &&
    headers['sec-fetch-mode'] === 'navigate' &&
    (path === '/' || path === '/docs' || path === '/docs/')
  );
}
