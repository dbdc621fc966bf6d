import WebSocket, { type ClientOptions } from 'ws';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
type Frame = any;

export type TestSocket = {
  socket: WebSocket;
  /** Everything that came in, oldest first. */
  frames: Frame[];
  send: (message: unknown) => void;
  /** Sends a message under a new request_id and resolves with its answer. */
  ask: (message: Record<string, unknown>) => Promise<Frame>;
  /** The next frame, from `since` on, that fits; waits for it. */
  next: (fits: (frame: Frame) => boolean, since?: number) => Promise<Frame>;
  closed: Promise<number>;
  close: () => void;
};

let count = 0;

/** Opens a socket and keeps every frame; waits for messages, never for time. */
export async function connect(url: string, options: ClientOptions = {}): Promise<TestSocket> {
  const socket = new WebSocket(url, options);
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  socket.on('message', (data) => {
    frames.push(JSON.parse((data as Buffer).toString()));
    waiting.forEach((look) => look());
  });
  await new Promise<void>((resolve, reject) => socket.once('open', () => resolve()).once('error', reject));
  socket.on('error', () => undefined);

  const next = (fits: (frame: Frame) => boolean, since = 0) =>
    new Promise<Frame>((resolve, reject) => {
      const look = () => {
        const found = frames.slice(since).find(fits);
        if (!found) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      void closed.then((code) => reject(new Error(`the socket was closed with ${code} before the message came`)));
      look();
    });
  return {
    socket,
    frames,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    ask: (message) => {
      const request_id = (message.request_id as string | undefined) ?? `r${++count}-${Date.now().toString(36)}`;
      const since = frames.length;
      socket.send(JSON.stringify({ ...message, request_id }));
      return next((frame) => frame.request_id === request_id, since);
    },
    next,
    closed,
    close: () => socket.close(),
  };
}
