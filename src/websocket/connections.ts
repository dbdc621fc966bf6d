import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { z } from 'zod';
import { config } from '../config';
import { objectId } from '../contract/ids';
import { filmIdOr } from '../db/find-films';
import { isDatabaseConnected } from '../db/mongodb';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { accessDenied } from '../utils/origin-guard';
import { parseInput } from '../utils/parse';
import { serviceRestart, sockets, type SocketFilm } from '../utils/push';
import { writeRawError } from '../utils/raw-http-error';
import { createSession, type Session } from './server';

// One socket from its upgrade to its close: heartbeat and back-pressure. A socket with too many unanswered messages is not
// read, so that its sender has to wait.

const maxFrameBytes = 256 * 1024;
const maxSockets = 256;
const maxUnanswered = 256;
/** How many messages of one socket start before the event loop serves the other sockets. */
const messagesPerTick = 32;
const drainWithinMs = 3000;
const closeWithinMs = 1000;
const unsupportedData = 1003;
const filmQuery = z.object({ film_id: objectId.optional() });

type Connection = {
  socket: WebSocket;
  session: Session;
  isAlive: boolean;
  unanswered: number;
  startedThisTick: number;
  /** Frames already received when reading was paused. */
  unread: string[];
};

const connections = new Set<Connection>();
const inFlight = new Set<Promise<void>>();
const wss = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: maxFrameBytes,
  perMessageDeflate: false,
});
let isStopping = false;

wss.on('wsClientError', (cause, stream) => {
  writeRawError(
    stream,
    new AppError('INVALID_INPUT', 'The upgrade is not a WebSocket handshake of version 13.', { cause }),
  );
});

/**
 * Accepts sockets on this HTTP server, at one path or at any; a rejected upgrade gets a JSON error.
 * The path `others` is left to another listener.
 */
export function acceptUpgrades(server: Server, path?: string, others?: string): void {
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (others && request.url?.split('?')[0] === others) return;
    stream.on('error', () => stream.destroy());
    // A server that does not support a protocol, such as h2c, answers as if no upgrade had been requested.
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return answerAsHttp(server, request, stream);
    const refusal = accessDenied(request) ?? upgradeDenied(request, path);
    if (refusal) return writeRawError(stream, refusal);
    filmOfUpgrade(request).then(
      (of) => {
        // A socket does not count as a REST connection, or 256 tabs would block REST.
        server.maxConnections++;
        stream.once('close', () => server.maxConnections--);
        wss.handleUpgrade(request, stream, head, (socket) => onConnection(socket, of));
      },
      (error: unknown) => writeRawError(stream, toAppError(error)),
    );
  });
}

/**
 * The film in the address of an upgrade, else the default one; null while there is no database to ask. Throws FILM_NOT_FOUND,
 * or INVALID_INPUT for what is no id.
 */
async function filmOfUpgrade({ url = '' }: IncomingMessage): Promise<SocketFilm> {
  const { searchParams } = new URL(url, 'ws://localhost');
  const given = searchParams.getAll('film_id');
  const query = { film_id: given.length > 1 ? given : given[0] };
  const { film_id: filmId } = parseInput(filmQuery, query, 'address of the socket');
  if (filmId === undefined && !isDatabaseConnected()) return { filmId: null };
  return { filmId: await filmIdOr(filmId) };
}

/** Pings every socket and terminates those that did not answer the last ping; returns the function that stops it. */
export function startHeartbeat(): () => void {
  const timer = setInterval(() => {
    for (const connection of connections) {
      // The pong of a paused socket is not read.
      if (!connection.isAlive && !connection.socket.isPaused) connection.socket.terminate();
      connection.isAlive = false;
      connection.socket.ping();
    }
  }, config.WS_HEARTBEAT_MS);
  return () => clearInterval(timer);
}

/** Finishes the received messages, then closes every socket with code 1012. */
export async function closeSockets(): Promise<void> {
  isStopping = true;
  for (const { socket } of connections) socket.pause();
  await Promise.race([drain(), delay(drainWithinMs)]);
  const closed = [...connections].map(({ socket }) => {
    socket.resume();
    socket.close(serviceRestart, 'the server restarts');
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.race([Promise.all(closed), delay(closeWithinMs)]);
  for (const { socket } of connections) socket.terminate();
}

/** Loops, because a reply can start another received message. */
async function drain(): Promise<void> {
  while (inFlight.size > 0) await Promise.allSettled(inFlight);
}

function answerAsHttp(server: Server, request: IncomingMessage, stream: Duplex): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(stream as Socket);
  // Discards anything else that the peer sends; otherwise a peer that keeps its side open would block a stop.
  stream.resume();
  response.on('finish', () => (stream as Socket).destroySoon());
  server.emit('request', request, response);
}

function upgradeDenied(request: IncomingMessage, path?: string): AppError | null {
  if (path && request.url?.split('?')[0] !== path) {
    return new AppError('NOT_FOUND', `Sockets are served at ${path} on this port.`);
  }
  if (connections.size < maxSockets && !isStopping) return null;
  return new AppError('BUSY', 'The server has too many open sockets; close some tabs, or try again later.');
}

function onConnection(socket: WebSocket, of: SocketFilm): void {
  const connection: Connection = {
    socket,
    session: createSession(socket, of),
    isAlive: true,
    unanswered: 0,
    startedThisTick: 0,
    unread: [],
  };
  connections.add(connection);
  sockets.set(socket, of);
  socket.on('pong', () => (connection.isAlive = true));
  socket.on('error', (error) => logger.warn('socket broke the protocol', { error }));
  socket.on('close', () => {
    connections.delete(connection);
    sockets.delete(socket);
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary) return socket.close(unsupportedData, 'text frames only');
    if (isStopping) return;
    connection.unread.push((data as Buffer).toString());
    startUnread(connection);
  });
}

/** Starts messages while there is room, and pauses the socket when there is none. */
function startUnread(connection: Connection): void {
  const wasYielding = isYielding(connection);
  while (connection.unread.length > 0 && !isFull(connection) && !isYielding(connection)) {
    connection.startedThisTick++;
    start(connection, connection.unread.shift()!);
  }
  // Rejected messages are answered at once, so a flood of them would block the event loop.
  if (isYielding(connection) && !wasYielding) setImmediate(startNextTick, connection);
  if (isFull(connection) || isYielding(connection)) connection.socket.pause();
  else if (connection.socket.isPaused && !isStopping) connection.socket.resume();
}

function start(connection: Connection, text: string): void {
  connection.unanswered++;
  const onAnswered = () => {
    connection.unanswered--;
    startUnread(connection);
  };
  const task: Promise<void> = connection.session.receive(text, onAnswered).finally(() => inFlight.delete(task));
  inFlight.add(task);
}

const isFull = ({ unanswered }: Connection): boolean => unanswered >= maxUnanswered;
const isYielding = ({ startedThisTick }: Connection): boolean => startedThisTick >= messagesPerTick;

function startNextTick(connection: Connection): void {
  connection.startedThisTick = 0;
  startUnread(connection);
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());
