import WebSocket from 'ws';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
export type Frame = any;

/** What all clients of a campaign met together. */
export type Tally = {
  /** Answers by type, errors by code. */
  answers: Record<string, number>;
  /** How connections that had been open ended; 1006 is one that was cut. */
  closes: Record<string, number>;
  /** Messages without an answer within 5 s over a connection that stayed open. */
  late: number;
  slowestMs: number;
  /** More answers than messages on one connection. */
  surplus: number;
};

export type ChaosClient = {
  /** Sends a message under a request_id, as often as it takes; resolves with its answer, of which "later, please" is none. */
  ask: (message: Record<string, unknown>) => Promise<Frame>;
  /** Sends a message and resolves with its first answer, whatever it is. */
  askOnce: (message: Record<string, unknown>) => Promise<Frame>;
  /** Sends a message again that was answered long ago; resolves with the answer. */
  repeat: (message: Record<string, unknown>) => Promise<Frame>;
  /** Cuts the connection; the client comes back by itself. */
  disconnect: () => void;
  /** Resolves when there is a connection. */
  opened: () => Promise<void>;
  waiting: () => number;
  close: () => void;
};

type Waiting = {
  number: number;
  message: Record<string, unknown>;
  sendings: number;
  /** How often the answer was "later, please". */
  refusals: number;
  isOnce: boolean;
  sentAt: number;
  timer?: NodeJS.Timeout;
  settle: (frame: Frame) => void;
};

type Listener = {
  /** Every frame, in order; `sendings` tells how often the message that it answers was sent, 0 for a push. */
  receive?: (frame: Frame, sendings: number, message?: Record<string, unknown>) => void;
  open?: () => void;
};

const answerWithinMs = 5000;
const firstRetryMs = 250;
const longestRetryMs = 2000;
/** How far the sending runs ahead of the oldest message without an answer: a server remembers 64 request_ids a workspace. */
const sendAhead = 8;
const reconnectAfterMs = 100;
const retryCodes = new Set(['DATABASE_UNAVAILABLE', 'BUSY']);

export const createTally = (): Tally => ({ answers: {}, closes: {}, late: 0, slowestMs: 0, surplus: 0 });

/** A client that follows the rules of the contract and no others, and does not wait for one answer before the next message. */
export function openClient(address: () => string, tally: Tally, listener: Listener = {}): ChaosClient {
  const outbox = new Map<string, Waiting>();
  const name = Math.random().toString(36).slice(2, 10);
  const newId = () => `${name}-${++count}`;
  let socket: WebSocket;
  const waitingForOpen: (() => void)[] = [];
  let unanswered = 0;
  let count = 0;
  let numbers = 0;
  let isClosed = false;
  connect();

  function connect(): void {
    const connection = new WebSocket(address());
    socket = connection;
    unanswered = 0;
    connection.on('error', () => undefined);
    let wasOpen = false;
    connection.on('open', () => {
      wasOpen = true;
      for (const resume of waitingForOpen.splice(0)) resume();
      listener.open?.();
      for (const waiting of firstOf(outbox)) transmit(waiting);
    });
    connection.on('message', (data) => {
      if (connection === socket) take(JSON.parse((data as Buffer).toString()));
    });
    connection.on('close', (code) => {
      if (wasOpen) increase(tally.closes, String(code));
      for (const { timer } of outbox.values()) clearTimeout(timer);
      if (!isClosed) setTimeout(connect, reconnectAfterMs);
    });
  }

  function transmit(waiting: Waiting): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    waiting.sendings++;
    unanswered++;
    waiting.sentAt = performance.now();
    clearTimeout(waiting.timer);
    // One more turn of the loop, so that an answer that is already here counts even when this process was held up.
    waiting.timer = setTimeout(() => setImmediate(() => silence(waiting)), answerWithinMs);
    socket.send(JSON.stringify(waiting.message));
  }

  function silence(waiting: Waiting): void {
    if (performance.now() - waiting.sentAt < answerWithinMs || !outbox.has(String(waiting.message.request_id))) return;
    tally.late++;
    transmit(waiting);
  }

  function take(frame: Frame): void {
    const waiting = frame.request_id === undefined ? undefined : outbox.get(frame.request_id);
    if (frame.request_id !== undefined) {
      increase(tally.answers, frame.type === 'error' ? frame.code : frame.type);
      if (--unanswered < 0) tally.surplus++;
    }
    if (waiting) {
      clearTimeout(waiting.timer);
      tally.slowestMs = Math.max(tally.slowestMs, Math.round(performance.now() - waiting.sentAt));
      if (retryCodes.has(frame.code) && !waiting.isOnce) {
        const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** waiting.refusals++);
        waiting.timer = setTimeout(() => transmit(waiting), waitMs * (0.5 + Math.random() / 2));
        return;
      }
      outbox.delete(frame.request_id);
      for (const next of firstOf(outbox)) if (next.sendings === 0) transmit(next);
    }
    listener.receive?.(frame, waiting?.sendings ?? 0, waiting?.message);
    waiting?.settle(frame);
  }

  function enqueue(message: Record<string, unknown>, { sendings = 0, isOnce = false } = {}): Promise<Frame> {
    return new Promise((settle) => {
      const waiting = { number: ++numbers, message, sendings, isOnce, refusals: 0, sentAt: 0, settle };
      outbox.set(String(message.request_id), waiting);
      if (firstOf(outbox).includes(waiting)) transmit(waiting);
    });
  }

  return {
    ask: (message) => enqueue({ request_id: newId(), ...message }),
    askOnce: (message) => enqueue({ request_id: newId(), ...message }, { isOnce: true }),
    repeat: (message) => enqueue(message, { sendings: 1 }),
    disconnect: () => socket.terminate(),
    opened: async () => {
      if (socket.readyState !== WebSocket.OPEN) await new Promise<void>((resume) => waitingForOpen.push(resume));
    },
    waiting: () => outbox.size,
    close: () => {
      isClosed = true;
      socket.terminate();
    },
  };
}

/** Those that may be on their way now. */
function firstOf(outbox: Map<string, Waiting>): Waiting[] {
  const waiting = [...outbox.values()];
  return waiting.filter(({ number }) => number < waiting[0]!.number + sendAhead);
}

function increase(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}
