import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { errorCodes } from '../contract/errors';
import type { AppError } from './errors';

/** Writes an error to a bare connection without a response object: before an upgrade, or after malformed HTTP. */
export function writeRawError(stream: Duplex, error: AppError): void {
  if (!stream.writable) return void stream.destroy();
  const status = errorCodes[error.code];
  const body = JSON.stringify({ error: error.body });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'self'",
    'Cross-Origin-Resource-Policy: same-site',
    'X-Content-Type-Options: nosniff',
    'Vary: Origin',
    'Connection: close',
  ];
  stream.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => stream.destroy());
}
