import { WebSocket } from 'ws';
import { createSync, type SyncClient, type SyncOptions, type SyncSnapshot } from '../../../src/web/sync/client';
import { memoryStorage, type SyncStorage } from '../../../src/web/sync/storage';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever goes over the wire
type Frame = any;

export type TestClient = SyncClient & {
  /** Everything that this client sent, oldest first. */
  sent: Frame[];
  storage: SyncStorage;
  /** Cuts the connection without a word, like a cable that is pulled. */
  cut: () => void;
  /** Resolves with the first snapshot that fits. */
  until: (fits: (snapshot: SyncSnapshot) => boolean) => Promise<SyncSnapshot>;
  saved: () => Promise<SyncSnapshot>;
};

/** What a test does to the traffic of one client: it may swallow a frame, or give another in its place. */
export type Interference = { incoming?: (frame: Frame) => unknown };

type Socket = InstanceType<NonNullable<SyncOptions['WebSocket']>>;

const clients = new Set<TestClient>();

/** Starts a client of the given server, with a short patience and a storage of its own. */
export function startClient(
  wsUrl: string,
  baseUrl: string,
  options: Partial<SyncOptions> = {},
  { incoming = (frame) => frame as unknown }: Interference = {},
): TestClient {
  const sent: Frame[] = [];
  const sockets = new Set<WebSocket>();
  const storage = options.storage ?? memoryStorage();

  class WatchedSocket implements Socket {
    onopen: Socket['onopen'] = null;
    onmessage: Socket['onmessage'] = null;
    onclose: Socket['onclose'] = null;
    onerror: Socket['onerror'] = null;
    private readonly inner: WebSocket;

    constructor(url: string) {
      this.inner = new WebSocket(url);
      sockets.add(this.inner);
      this.inner.on('open', () => this.onopen?.(undefined as never));
      this.inner.on('error', () => this.onerror?.(undefined as never));
      this.inner.on('close', () => {
        sockets.delete(this.inner);
        this.onclose?.(undefined as never);
      });
      this.inner.on('message', (data) => {
        const frame = incoming(JSON.parse((data as Buffer).toString()));
        if (frame) this.onmessage?.({ data: JSON.stringify(frame) } as never);
      });
    }

    get readyState(): number {
      return this.inner.readyState;
    }

    send(text: string): void {
      sent.push(JSON.parse(text));
      this.inner.send(text);
    }

    close(): void {
      this.inner.close();
    }
  }

  const sync = createSync({
    url: wsUrl,
    baseUrl,
    WebSocket: WatchedSocket,
    debounceMs: 30,
    answerWithinMs: 1000,
    backoffBaseMs: 50,
    backoffCapMs: 300,
    ...options,
    storage,
  });

  const until = (fits: (snapshot: SyncSnapshot) => boolean) =>
    new Promise<SyncSnapshot>((resolve) => {
      const look = () => {
        if (!fits(sync.getSnapshot())) return;
        unsubscribe();
        resolve(sync.getSnapshot());
      };
      const unsubscribe = sync.subscribe(look);
      queueMicrotask(look);
    });
  const client: TestClient = {
    ...sync,
    sent,
    storage,
    cut: () => sockets.forEach((socket) => socket.terminate()),
    until,
    saved: () => until(({ state, isLoaded }) => isLoaded && state === 'saved'),
    stop: () => {
      clients.delete(client);
      sync.stop();
    },
  };
  clients.add(client);
  client.start();
  return client;
}

/** Stops every client that is still running. */
export function stopClients(): void {
  for (const client of clients) client.stop();
}
