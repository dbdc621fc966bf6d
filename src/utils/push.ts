import { WebSocket } from 'ws';
import { config } from '../config';
import { serverMessages, type ServerMessage } from '../contract/messages';
import { logger } from './logger';

/** The close code that asks a browser to reconnect. */
export const serviceRestart = 1012;
const maxUnreadBytes = 4 * 1024 * 1024;

/** The open sockets of both ports. */
export const sockets = new Set<WebSocket>();

/** Broadcasts to every open socket but `except`; never throws and never waits. */
export function push(message: ServerMessage, except?: WebSocket): void {
  if (sockets.size === 0) return;
  const frame = toFrame(message);
  for (const socket of sockets) if (socket !== except) sendFrame(socket, frame);
}

/** Sends to one socket; a slow consumer is disconnected when its unread data exceeds 4 MiB. */
export function send(socket: WebSocket, message: ServerMessage): void {
  sendFrame(socket, toFrame(message));
}

/** Closes every socket, so that each browser reconnects and loads what it has missed. */
export function endSockets(reason: string): void {
  for (const socket of sockets) socket.close(serviceRestart, reason);
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
