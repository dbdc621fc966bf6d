import { createStore, del, get, keys, set } from 'idb-keyval';

/** Where waiting edits outlive a reload. Every method may reject; the client then goes on without it. */
export type SyncStorage = {
  get: (key: string) => Promise<unknown>;
  set: (key: string, value: unknown) => Promise<void>;
  delete: (key: string) => Promise<void>;
  keys: () => Promise<string[]>;
};

/** Takes a lock for the life of this page; false when another page holds it. */
export type TakeLock = (name: string) => Promise<boolean>;

type LockManager = {
  request: (name: string, options: { ifAvailable: true }, work: (lock: unknown) => unknown) => Promise<unknown>;
};

/** Keeps waiting edits in IndexedDB, which every tab of this origin shares. */
export function indexedDbStorage(name = 'timeline'): SyncStorage {
  // Opened at the first use, so that the client can be made where there is no IndexedDB.
  let store: ReturnType<typeof createStore> | undefined;
  const open = () => (store ??= createStore(name, 'outbox'));
  return {
    get: async (key) => get<unknown>(key, open()),
    set: async (key, value) => set(key, value, open()),
    delete: async (key) => del(key, open()),
    keys: async () => keys<string>(open()),
  };
}

/** Keeps waiting edits as long as the process lives. */
export function memoryStorage(entries = new Map<string, unknown>()): SyncStorage {
  return {
    get: async (key) => structuredClone(entries.get(key)),
    set: async (key, value) => void entries.set(key, structuredClone(value)),
    delete: async (key) => void entries.delete(key),
    keys: async () => [...entries.keys()],
  };
}

/** Whether this browser has Web Locks; it has none on plain http in a network. */
export const hasLocks = (): boolean =>
  (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks !== undefined;

/** Web Locks where the browser has them; elsewhere every lock is free. */
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
