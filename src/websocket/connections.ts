import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { config } from '../config';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { accessDenied } from '../utils/origin-guard';
import { serviceRestart, sockets } from '../utils/push';
import { writeRawError } from '../utils/raw-http-error';
import { createSession, type Session } from './server';

// One socket from its upgrade to its close: heartbeat, and flow control. A socket is read only while few of its messages are
// unanswered; beyond that the network holds the rest.

const maxFrameBytes = 256 * 1024;
const maxSockets = 256;
const maxUnanswered = 256;
/** So many messages of one socket are started before the event loop turns to the others. */
const messagesPerTick = 32;
const drainWithinMs = 3000;
const closeWithinMs = 1000;
const binaryFrame = 1003;

type Connection = {
  socket: WebSocket;
  session: Session;
  isAlive: boolean;
  unanswered: number;
  startedThisTick: number;
  /** Frames that had already left the network buffer when reading was paused. */
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
 * Accepts sockets on this HTTP server, at one path or at any; a refusal is a JSON error before the upgrade.
 * The path of `others` is left to another listener.
 */
export function acceptUpgrades(server: Server, path?: string, others?: string): void {
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (others && request.url?.split('?')[0] === others) return;
    stream.on('error', () => stream.destroy());
    // Such as h2c: a server that cannot switch to it answers as if nothing had been asked.
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return answerPlainly(server, request, stream);
    const refusal = accessDenied(request) ?? upgradeDenied(request, path);
    if (refusal) return writeRawError(stream, refusal);
    // A socket does not count among the connections for REST, or 256 tabs would shut it out.
    server.maxConnections++;
    stream.once('close', () => server.maxConnections--);
    wss.handleUpgrade(request, stream, head, onConnection);
  });
}

/** Pings every socket and ends those that did not answer the ping before; returns the function that stops it. */
export function startHeartbeat(): () => void {
  const timer = setInterval(() => {
    for (const connection of connections) {
      // A socket that is not read because it sends too fast cannot show its pong.
      if (!connection.isAlive && !connection.socket.isPaused) connection.socket.terminate();
      connection.isAlive = false;
      connection.socket.ping();
    }
  }, config.WS_HEARTBEAT_MS);
  return () => clearInterval(timer);
}

/** Finishes the messages that were received, then closes every socket with 1012. */
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

/** A reply can make room for a message that was received and not yet started. */
async function drain(): Promise<void> {
  while (inFlight.size > 0) await Promise.allSettled(inFlight);
}

function answerPlainly(server: Server, request: IncomingMessage, stream: Duplex): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(stream as Socket);
  // What else the peer sends belongs to no request, and one that keeps its half open would hold a stop for ever.
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

function onConnection(socket: WebSocket): void {
  const connection: Connection = {
    socket,
    session: createSession(socket),
    isAlive: true,
    unanswered: 0,
    startedThisTick: 0,
    unread: [],
  };
  connections.add(connection);
  sockets.add(socket);
  socket.on('pong', () => (connection.isAlive = true));
  socket.on('error', (error) => logger.warn('socket broke the protocol', { error }));
  socket.on('close', () => {
    connections.delete(connection);
    sockets.delete(socket);
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary) return socket.close(binaryFrame, 'text frames only');
    if (isStopping) return;
    connection.unread.push((data as Buffer).toString());
    startUnread(connection);
  });
}

/** Starts messages while there is room, and pauses the socket where there is none. */
function startUnread(connection: Connection): void {
  const wasYielding = isYielding(connection);
  while (connection.unread.length > 0 && !isFull(connection) && !isYielding(connection)) {
    connection.startedThisTick++;
    start(connection, connection.unread.shift()!);
  }
  // Refused messages are answered without waiting for anything, so that a flood of them would keep the event loop.
  if (isYielding(connection) && !wasYielding) setImmediate(goOn, connection);
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

function goOn(connection: Connection): void {
  connection.startedThisTick = 0;
  startUnread(connection);
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());
