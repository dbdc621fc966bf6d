import { createWriteStream } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import axios, { isAxiosError, type AxiosError, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import { config } from '../config';
import { Counter, unpack, type IsPlain } from './body';
import { deadlineSignal } from './deadline';
import { AppError } from './errors';
import { proxyFor, ProxyRefusal, proxySentence, type Proxy } from './proxy';
import { AddressRefusal } from './public-address';
import { readRetryAfter, toAscii } from './reply-headers';
import { version } from './version';

const defaultMaxReplyBytes = 1024 * 1024;
/** Enough for the events of long reasoning, each a few hundred bytes for one word. */
export const maxLlmReplyBytes = 16 * 1024 * 1024;
/** The extra time that a slow connection needs for each MB sent. */
const msPerSentMb = 4000;
const userAgent = `video-maker/${version}`;

export type HttpRequest = {
  /** The provider's name as people read it, for error sentences. */
  provider: string;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  json?: unknown;
  bytes?: Buffer;
  signal?: AbortSignal;
  /** A paid request: its signal aborts it only before any byte has left; after that only the deadline ends it. */
  isPaid?: boolean;
  /** Total time until the last byte of the reply; default PROVIDER_REQUEST_TIMEOUT_MS plus 4 s for each MB sent. */
  deadlineMs?: number;
  /** The longest reply that is read; default 1 MiB. */
  maxReplyBytes?: number;
};

export type HttpReply = {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The body as JSON; undefined if it is not JSON. */
  json: unknown;
  /** From `Retry-After` in seconds or as a date; undefined without the header. */
  retryAfterMs?: number;
};

const keepAlive = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
// A create gets its own connection, since a reset of a reused one does not show whether the request was read.
const fresh = { http: new http.Agent(), https: new https.Agent() };

const client = axios.create({
  adapter: 'http',
  proxy: false,
  maxRedirects: 0,
  maxBodyLength: 32 * 1024 * 1024,
  responseType: 'text',
  transformResponse: (body: unknown) => body,
  validateStatus: () => true,
});

/**
 * Sends one request to a provider, once, and returns its reply, whatever the status.
 * Throws PROVIDER_TIMEOUT after the deadline or an abort, PROVIDER_FAILED without a reply, and PROVIDER_BAD_REPLY for one that
 * is too large; `unsent` means that no byte of the request has left.
 */
export async function sendRequest(request: HttpRequest): Promise<HttpReply> {
  const body = request.bytes ?? (request.json === undefined ? undefined : JSON.stringify(request.json));
  const deadlineMs = request.deadlineMs ?? requestDeadlineMs(body === undefined ? 0 : Buffer.byteLength(body));
  return withDeadline({ ...request, deadlineMs }, async (signal, connection) => {
    const response = await exchange<string>(connection, {
      method: request.method,
      url: request.url,
      headers: {
        'User-Agent': userAgent,
        ...(request.json !== undefined && { 'Content-Type': 'application/json' }),
        ...request.headers,
      },
      data: body,
      maxContentLength: request.maxReplyBytes ?? defaultMaxReplyBytes,
      signal,
      ...agents(request.url, request.method === 'GET' ? keepAlive : fresh),
    });
    const headers = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
    );
    const text = typeof response.data === 'string' ? response.data : '';
    return {
      status: response.status,
      headers,
      text,
      json: toJson(text),
      retryAfterMs: readRetryAfter(headers['retry-after']),
    };
  });
}

/** The total time, in ms, that a request with so many bytes may take. */
export const requestDeadlineMs = (sentBytes: number): number =>
  config.PROVIDER_REQUEST_TIMEOUT_MS + Math.ceil((sentBytes / 1e6) * msPerSentMb);

/** The statuses of a reply that contains a file. */
export const filledStatuses = [200, 203, 206];

export type Download = {
  provider: string;
  url: string;
  file: string;
  maxBytes: number;
  isPlain: IsPlain;
  signal?: AbortSignal;
  deadlineMs: number;
  /** Resolves the host name for the connection itself, so that it connects to the address that was checked. */
  lookup?: LookupFunction;
};

/**
 * Downloads `url` into `file`, decompressed, without following redirects; returns status, location and whether the end is
 * known: a body that ends with its connection looks the same when truncated.
 */
export async function download(wanted: Download) {
  const { provider, url, file, maxBytes, isPlain, signal: outer, deadlineMs, lookup } = wanted;
  return withDeadline({ provider, signal: outer, deadlineMs }, async (signal, connection) => {
    const response = await exchange<NodeJS.ReadableStream>(connection, {
      method: 'GET',
      url,
      headers: { 'User-Agent': userAgent, 'Accept-Encoding': 'identity' },
      responseType: 'stream',
      // Content-Length counts the compressed bytes, so axios must not decompress them.
      decompress: false,
      maxContentLength: -1,
      signal,
      ...agents(url, lookup ? { http: new http.Agent({ lookup }), https: new https.Agent({ lookup }) } : fresh),
    });
    const { status, headers } = response;
    const header = (name: string) => (headers[name] === undefined ? undefined : String(headers[name]));
    const unpackers = unpack(header('content-encoding'), isPlain);
    const isChunked = /\bchunked\b/i.test(header('transfer-encoding') ?? '');
    // An unrequested 206 may be the whole file, which only its bytes can show.
    const isAnnounced = status !== 206 && (header('content-length') !== undefined || isChunked);
    const reply = { status, location: toAscii(header('location')), isEndKnown: isAnnounced };
    if (!filledStatuses.includes(status)) {
      (response.data as http.IncomingMessage).destroy();
      return reply;
    }
    const received = new Counter(maxBytes);
    const stages = [received, ...unpackers, new Counter(maxBytes)];
    await pipeline([response.data, ...stages, createWriteStream(file, { flush: true })], { signal });
    const announced = Number(header('content-length'));
    if (announced && announced !== received.bytes)
      throw new Error(`the body ended after ${received.bytes} of ${announced} bytes`);
    return { ...reply, isEndKnown: isAnnounced || unpackers.some(({ hasUnpacked }) => hasUnpacked) };
  });
}

type Deadline = Pick<HttpRequest, 'provider' | 'signal' | 'isPaid' | 'deadlineMs'>;

// The timeout of axios does not end a reply that trickles in, but a signal does.
async function withDeadline<Result>(
  request: Deadline,
  send: (signal: AbortSignal, connection: Connection) => Promise<Result>,
): Promise<Result> {
  const { provider, deadlineMs = config.PROVIDER_REQUEST_TIMEOUT_MS } = request;
  const connection: Connection = { isOpen: false };
  const outer = request.isPaid ? whileUnsent(connection, request.signal) : request.signal;
  const signal = deadlineSignal(deadlineMs, outer);
  try {
    const result = await send(signal, connection);
    proxyFaults.delete(provider);
    return result;
  } catch (error) {
    if (!outer?.aborted) recordProxyFault(connection, provider, error);
    throw toProviderError(error, provider, connection, signal.aborted);
  }
}

/** A signal that forwards aborts only until the connection is open. */
function whileUnsent(connection: Connection, signal?: AbortSignal): AbortSignal {
  const unsent = new AbortController();
  const end = () => connection.isOpen || unsent.abort(signal?.reason);
  if (signal?.aborted) end();
  signal?.addEventListener('abort', end, { once: true });
  return unsent.signal;
}

/** Open once bytes of the request may have left: after the TCP connect, or for https after the TLS handshake, even via a proxy. */
type Connection = { isOpen: boolean; proxy?: Proxy };

async function exchange<Body>(connection: Connection, request: AxiosRequestConfig): Promise<AxiosResponse<Body>> {
  connection.proxy = proxyFor(request.url!);
  const response = await client.request<Body>({ ...request, transport: { request: watch(connection) } });
  if (connection.isOpen) return response;
  // The refusal of a proxy looks like a reply, but the provider has never received the request.
  (response.request as http.ClientRequest).destroy();
  throw new ProxyRefusal(response.status);
}

const watch = (connection: Connection) => (options: https.RequestOptions, onResponse: () => void) => {
  const isSecure = options.protocol === 'https:';
  const request = (isSecure ? https : http).request(options, onResponse);
  request.once('socket', (socket: Socket & { secureConnecting?: boolean }) => {
    const open = () => (connection.isOpen = true);
    const isReady = isSecure ? socket.secureConnecting === false : !socket.connecting;
    if (isReady || request.reusedSocket) open();
    else socket.once(isSecure ? 'secureConnect' : 'connect', open);
  });
  return request;
};

/** By provider, why the proxy blocked the last request. */
const proxyFaults = new Map<string, string>();

function recordProxyFault({ isOpen, proxy }: Connection, provider: string, error: unknown): void {
  if (proxy && !isOpen) proxyFaults.set(provider, proxySentence(proxy, provider, error));
  else proxyFaults.delete(provider);
}

/** Why the proxy blocked the last request to a provider, as a sentence; undefined if it did not. */
export const proxyFaultOf = (provider: string): string | undefined => proxyFaults.get(provider);

/** The sentence of PROVIDER_TIMEOUT. */
export const timedOutSentence = (provider: string): string => `${provider} did not answer in time; try again later.`;

/** The sentence of PROVIDER_FAILED. */
export const unreachableSentence = (provider: string): string =>
  proxyFaults.get(provider) ?? `${provider} could not be reached; check the network and its base URL, and try again.`;

function toProviderError(error: unknown, provider: string, { isOpen }: Connection, wasAborted: boolean): AppError {
  const code = (error as { code?: string }).code ?? '';
  // The AxiosError contains the request with its key, so only its message is kept.
  const stripped = (thrown: AxiosError) =>
    thrown.cause instanceof AddressRefusal ? thrown.cause : Object.assign(new Error(thrown.message), { code });
  const cause = isAxiosError(error) ? stripped(error) : error;
  const extra = { cause, unsent: !isOpen };
  if (wasAborted) {
    return new AppError('PROVIDER_TIMEOUT', proxyFaults.get(provider) ?? timedOutSentence(provider), extra);
  }
  if (!isOversize(error)) return new AppError('PROVIDER_FAILED', unreachableSentence(provider), extra);
  const sentence = `The reply of ${provider} is too large to read; check its base URL and try again.`;
  return new AppError('PROVIDER_BAD_REPLY', sentence, extra);
}

// axios uses the same code for a truncated reply.
const isOversize = (error: unknown) => isAxiosError(error) && error.message.startsWith('maxContentLength size of');

function agents(url: string, { http: httpAgent, https: httpsAgent }: typeof fresh): AxiosRequestConfig {
  return { httpAgent, httpsAgent: proxyFor(url)?.agent ?? httpsAgent };
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
