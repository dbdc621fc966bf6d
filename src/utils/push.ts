import { WebSocket } from 'ws';
import { config } from '../config';
import { serverMessages, type ServerMessage } from '../contract/messages';
import { logger } from './logger';

/** The close code that asks a browser to reconnect. */
export const serviceRestart = 1012;
const maxUnreadBytes = 4 * 1024 * 1024;

/** The film that a socket belongs to; null until the database is known, when it becomes the default film. */
export type SocketFilm = { filmId: string | null };

/** The open sockets of both ports. */
export const sockets = new Map<WebSocket, SocketFilm>();

type Listener = (filmId: string | null, message: ServerMessage) => void;

const listeners = new Set<Listener>();

/** Has a function called with every broadcast, which stands for a stored change, of this server or of another one. */
export function listenToPushes(listener: Listener): void {
  listeners.add(listener);
}

/** Broadcasts to every open socket of a film, or of all films if it is null, but `except`; never throws and never waits. */
export function push(filmId: string | null, message: ServerMessage, except?: WebSocket): void {
  let frame: Buffer | null = null;
  for (const [socket, of] of sockets)
    if (socket !== except && (filmId === null || of.filmId === filmId)) sendFrame(socket, (frame ??= toFrame(message)));
  for (const listener of listeners) listener(filmId, message);
}

/** Sends to one socket; a slow consumer is disconnected when its unread data exceeds 4 MiB. */
export function send(socket: WebSocket, message: ServerMessage): void {
  sendFrame(socket, toFrame(message));
}

/** Closes every socket, or those of one film, so that each browser reconnects and loads what it has missed. */
export function endSockets(reason: string, filmId: string | null = null): void {
  for (const [socket, of] of sockets) if (filmId === null || of.filmId === filmId) socket.close(serviceRestart, reason);
}

/** Closes the sockets of a film that has gone to the trash, so that each browser reconnects to the default one. */
export const endFilm = (filmId: string): void => endSockets('the film was deleted', filmId);

/** Gives sockets that were opened before the database was known the default film. */
export function adoptSockets(filmId: string): void {
  for (const of of sockets.values()) of.filmId ??= filmId;
}

function sendFrame(socket: WebSocket, frame: Buffer): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(frame, { binary: false });
  if (socket.bufferedAmount <= maxUnreadBytes) return;
  logger.warn('slow consumer disconnected', { unread_bytes: socket.bufferedAmount });
  socket.terminate();
}

function toFrame(message: ServerMessage): Buffer {
  const text = JSON.stringify(message);
  // Outside production, every frame is checked against the contract, so that every test is a contract test.
  if (!config.isProduction) serverMessages[message.type].parse(JSON.parse(text));
  // Encoded once, since each socket would encode a string again.
  return Buffer.from(text);
}
