import type { ServerMessage } from '../../contract/messages';
import type { ClientMessage } from './outbox';
import { createTimers } from './timers';

/** The connection that a client talks over; a test may put one without a network in its place. */
export type SyncSocket = {
  /** Connects, and connects again after every loss until `stop`. */
  start: () => void;
  stop: () => void;
  isOpen: () => boolean;
  /** Sends a message once; calls `onMissedAck` when no answer with its request_id arrives in time. */
  send: (message: ClientMessage, onMissedAck: () => void) => void;
  /** Closes this connection, and connects again after a pause that grows with each failure. */
  restart: () => void;
  /** Connects at once where there is no connection, such as when the browser is online again. */
  reconnectNow: () => void;
  /** Tells that the connection works: the pause after the next loss is the shortest. */
  resetBackoff: () => void;
};

export type SocketEvents = {
  opened: () => void;
  received: (message: ServerMessage) => void;
  /** The connection is gone, or was given up by `restart` or `stop`. */
  closed: () => void;
};

/** What is used of the browser's WebSocket, and of that of `ws` in Node. */
type WebSocketLike = {
  readyState: number;
  send: (text: string) => void;
  close: () => void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
};

export type SocketOptions = {
  /** Address of the socket, such as `ws://127.0.0.1:3000/ws`. */
  url: string;
  WebSocket?: new (url: string) => WebSocketLike;
  answerWithinMs?: number;
  backoffBaseMs?: number;
  backoffCapMs?: number;
};

const openState = 1;
const maxMissedAcks = 1;

/** A WebSocket that connects again after every loss; `query` ends the address of each connection. */
export function createSocket(options: SocketOptions, events: SocketEvents, query = () => ''): SyncSocket {
  const { url, answerWithinMs = 5000, backoffBaseMs = 500, backoffCapMs = 15_000 } = options;
  const acks = createAcks(answerWithinMs, restart);
  let socket: WebSocketLike | null = null;
  let reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isRunning = false;

  function connect(): void {
    clearTimeout(reconnectTimer);
    if (!isRunning || socket) return;
    const opened = openWebSocket(`${url}${query()}`, options.WebSocket);
    const isCurrent = () => socket === opened;
    socket = opened;
    opened.onopen = () => isCurrent() && events.opened();
    opened.onmessage = ({ data }: { data: unknown }) => isCurrent() && receive(String(data));
    opened.onclose = () => isCurrent() && restart();
    opened.onerror = () => undefined;
  }

  function receive(frame: string): void {
    const message = JSON.parse(frame) as ServerMessage;
    acks.received('request_id' in message ? message.request_id : undefined);
    events.received(message);
  }

  function send(message: ClientMessage, onMissedAck: () => void): void {
    socket?.send(JSON.stringify(message));
    acks.expect(message.request_id, onMissedAck);
  }

  function restart(): void {
    const closing = socket;
    socket = null;
    acks.forgetAll();
    closing?.close();
    events.closed();
    if (!isRunning) return;
    const limitMs = Math.min(backoffCapMs, backoffBaseMs * 2 ** failures++);
    reconnectTimer = setTimeout(connect, Math.random() * limitMs);
  }

  return {
    start() {
      isRunning = true;
      connect();
    },
    stop() {
      isRunning = false;
      clearTimeout(reconnectTimer);
      restart();
    },
    isOpen: () => socket?.readyState === openState,
    send,
    restart,
    reconnectNow() {
      failures = 0;
      connect();
    },
    resetBackoff: () => void (failures = 0),
  };
}

function openWebSocket(url: string, WebSocketClass?: SocketOptions['WebSocket']): WebSocketLike {
  const { WebSocket: builtIn } = globalThis as unknown as Required<Pick<SocketOptions, 'WebSocket'>>;
  return new (WebSocketClass ?? builtIn)(url);
}

/** Waits for answers; more than `maxMissedAcks` missed in a row mean that the connection is dead, whatever its state says. */
function createAcks(answerWithinMs: number, onDead: () => void) {
  const timers = createTimers();
  let missedAcks = 0;
  return {
    expect(requestId: string, onMissedAck: () => void): void {
      const onTimeout = () => (++missedAcks > maxMissedAcks ? onDead() : onMissedAck());
      timers.set(requestId, onTimeout, answerWithinMs);
    },
    /** Any message is a sign of life; one with a request_id is the answer to that request. */
    received(requestId?: string): void {
      missedAcks = 0;
      if (requestId) timers.clear(requestId);
    },
    forgetAll(): void {
      missedAcks = 0;
      timers.clearAll();
    },
  };
}
