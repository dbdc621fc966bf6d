import { WebSocket } from 'ws';
import { config } from '../config';
import { serverMessages, type ServerMessage } from '../contract/messages';
import { logger } from './logger';

/** The code with which a socket is closed whose browser is to connect again. */
export const serviceRestart = 1012;
const maxUnreadBytes = 4 * 1024 * 1024;

/** The open sockets of both ports. */
export const sockets = new Set<WebSocket>();

/** Tells every open socket, or every other one than `except`; never throws and never waits. */
export function push(message: ServerMessage, except?: WebSocket): void {
  if (sockets.size === 0) return;
  const frame = toFrame(message);
  for (const socket of sockets) if (socket !== except) sendFrame(socket, frame);
}

/** Tells one socket; one that does not read is ended when its unread data passes 4 MiB. */
export function send(socket: WebSocket, message: ServerMessage): void {
  sendFrame(socket, toFrame(message));
}

/** Ends every socket, so that each browser connects again and loads what it has missed. */
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
  // Outside production every frame is held to the contract, so that every test is a contract test.
  if (!config.isProduction) serverMessages[message.type].parse(JSON.parse(text));
  // Once for all sockets, where each would make its own of a text.
  return Buffer.from(text);
}
