import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { config, configurationExitCode } from '../config';
import { addOwnPort } from './origin-guard';
import { AppError } from './errors';
import { writeRawError } from './raw-http-error';

/** An HTTP server on one of our ports. */
export type Listener = {
  server: Server;
  /** Opens the port of this variable and resolves with its number; throws one sentence when it cannot. */
  open: (port: number, variable: string) => Promise<number>;
  /** Accepts no more connections and resolves when the last one has closed; after 5 s the rest are destroyed. */
  close: () => Promise<void>;
};

const maxConnections = 256;
const destroyAfterMs = 5000;

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 120_000,
  connectionsCheckingInterval: 2000,
  // Longer than the 60 s of Nginx, so that the server never closes a connection just as a click uses it.
  keepAliveTimeout: 65_000,
  // We refuse it ourselves, in JSON, like any other wrong Host.
  requireHostHeader: false,
};

/** An HTTP server with our limits that tracks every connection until it closes, even after an upgrade. */
export function createListener(app?: RequestListener): Listener {
  const server = createServer(limits, app);
  const connections = new Set<Socket>();
  server.maxConnections = maxConnections;
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  // An unknown `Expect` header is no reason to refuse a request.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  rejectMalformed(server);
  return { server, open: (port, variable) => open(server, port, variable), close: () => close(server, connections) };
}

function rejectMalformed(server: Server): void {
  const responses = new WeakMap<Duplex, Set<ServerResponse>>();
  server.on('request', ({ socket }, response) => {
    const ofSocket = responses.get(socket) ?? new Set();
    responses.set(socket, ofSocket.add(response));
    response.once('close', () => ofSocket.delete(response));
  });
  server.on('clientError', (cause, stream) => {
    const isResponding = [...(responses.get(stream) ?? [])].some(({ headersSent }) => headersSent);
    // In the middle of a response, another status line would be read as a part of its body.
    if (isResponding) return void stream.destroy();
    const message = 'The request is malformed HTTP, or it timed out; send it again.';
    writeRawError(stream, new AppError('INVALID_INPUT', message, { cause }));
  });
}

function open(server: Server, port: number, variable: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(portError(port, variable, cause)));
    server.listen(port, config.HOST, () => {
      const opened = (server.address() as AddressInfo).port;
      addOwnPort(opened);
      resolve(opened);
    });
  });
}

function portError(port: number, variable: string, cause: NodeJS.ErrnoException): AppError {
  if (cause.code === 'EADDRINUSE') {
    return new AppError('INTERNAL', `Port ${port} is taken by another program; stop it or set ${variable}.`, { cause });
  }
  const message = `Port ${port} of ${config.HOST} cannot be opened (${cause.code}); check HOST and ${variable}.`;
  // An address may appear later with its network, but permission for a low port will not.
  const exitCode = cause.code === 'EACCES' ? configurationExitCode : undefined;
  return new AppError('INTERNAL', message, { cause, exitCode });
}

function close(server: Server, connections: Set<Socket>): Promise<void> {
  // Connections with a pending reply close after it.
  server.keepAliveTimeout = 1;
  const timer = setTimeout(() => connections.forEach((socket) => socket.destroy()), destroyAfterMs);
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
