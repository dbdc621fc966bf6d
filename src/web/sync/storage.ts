import { createStore, del, get, keys, set } from 'idb-keyval';
import { newId } from './new-id';

/** Keeps waiting edits over a reload. Every method may reject; the client then works without it. */
export type SyncStorage = {
  get: (key: string) => Promise<unknown>;
  set: (key: string, value: unknown) => Promise<void>;
  delete: (key: string) => Promise<void>;
  keys: () => Promise<string[]>;
};

/** Takes a lock until this page is closed; resolves with false when another page holds the lock. */
type TakeLock = (name: string) => Promise<boolean>;

export type StorageOptions = {
  /** Keeps waiting edits over a reload; default IndexedDB. */
  storage?: SyncStorage;
  /** Tells whether another page still uses an outbox; default Web Locks. */
  takeLock?: TakeLock;
  /** Whether `takeLock` can tell a page that is open from one that is gone. */
  hasLocks?: boolean;
  /** How long a page without locks may be silent before another page takes over its edits. */
  silentForMs?: number;
};

/** Where this page keeps its edits, and how it tells pages that are open from pages that are gone. */
export type PageStorage = {
  storage: SyncStorage;
  /** The key of this page's outbox, which is the name of its lock too. */
  key: string;
  takeLock: TakeLock;
  hasLocks: boolean;
  /** Without locks, a page that has written nothing for so long is gone. */
  goneAfterMs: number;
};

const keyPrefix = 'outbox ';
const silentForMs = 30_000;

type LockManager = {
  request: (name: string, options: { ifAvailable: true }, work: (lock: unknown) => unknown) => Promise<unknown>;
};

/** A place of its own for each page, in a storage that all pages share. */
export const createPageStorage = (options: StorageOptions): PageStorage => ({
  storage: options.storage ?? indexedDbStorage('timeline', 'outbox'),
  key: `${keyPrefix}${newId()}`,
  takeLock: options.takeLock ?? browserLock,
  hasLocks: options.hasLocks ?? (options.takeLock !== undefined || hasLocks()),
  goneAfterMs: options.silentForMs ?? silentForMs,
});

/** The keys of the outboxes that other pages have left or still use. */
export async function keysOfOtherPages({ storage, key }: PageStorage): Promise<string[]> {
  const names = await storage.keys();
  return names.filter((name) => name.startsWith(keyPrefix) && name !== key);
}

/** Keeps values in IndexedDB, which every tab of this origin shares. */
export function indexedDbStorage(database: string, name: string): SyncStorage {
  // Opened at the first use: a client can be made where there is no IndexedDB.
  let store: ReturnType<typeof createStore> | undefined;
  const open = () => (store ??= createStore(database, name));
  return {
    get: async (key) => get<unknown>(key, open()),
    set: async (key, value) => set(key, value, open()),
    delete: async (key) => del(key, open()),
    keys: async () => keys<string>(open()),
  };
}

/** Keeps waiting edits until the process ends. */
export function memoryStorage(entries = new Map<string, unknown>()): SyncStorage {
  return {
    get: async (key) => structuredClone(entries.get(key)),
    set: async (key, value) => void entries.set(key, structuredClone(value)),
    delete: async (key) => void entries.delete(key),
    keys: async () => [...entries.keys()],
  };
}

/** Whether this browser has Web Locks; over plain http to another machine it has none. */
const hasLocks = (): boolean => (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks !== undefined;

/** Takes a Web Lock; in a browser that has none, every lock can be taken. */
export const browserLock: TakeLock = (name) => {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  if (!navigator?.locks) return Promise.resolve(true);
  const { locks } = navigator;
  return new Promise((resolve) => {
    const hold = (lock: unknown) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    };
    locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
};
