import { dropSettled, hasEdits, toStored, type ClientState, type Settling } from './state';
import type { PageStorage } from './storage';

const storageWithinMs = 2000;

export type Persistence = ReturnType<typeof createPersistence>;

/**
 * Writes the edits of this page to its storage. A message is stored before it is sent: after a reload it is sent again
 * under the same request_id. Calls `onStored` after each write, and never rejects because of the storage.
 */
export function createPersistence(state: ClientState, page: PageStorage, onStored: () => void) {
  let isWriting = false;
  let isWanted = false;
  let isRunning = false;
  let isLeft = false;
  let lifeTimer: ReturnType<typeof setInterval> | undefined;

  function persist(): void {
    isWanted = true;
    if (!isWriting) void writeWhileWanted();
  }

  async function writeWhileWanted(): Promise<void> {
    isWriting = true;
    while (isWanted) {
      isWanted = false;
      const markStored = rememberUnstored(state);
      const written = hasEdits(state) ? write() : page.storage.delete(page.key);
      // Sending goes on when the storage fails or hangs.
      await within(written, storageWithinMs);
      markStored();
      onStored();
    }
    isWriting = false;
  }

  /** A page that was left on purpose does not count as alive. */
  const write = (): Promise<void> => page.storage.set(page.key, toStored(state, isRunning && !isLeft ? Date.now() : 0));

  function persistEdits(): void {
    if (hasEdits(state)) persist();
  }

  return {
    start(): void {
      isRunning = true;
      // Without locks, the other pages see by the time of the last write that this one is alive.
      if (!page.hasLocks) lifeTimer = setInterval(persistEdits, page.goneAfterMs / 3);
    },
    stop(): void {
      isRunning = false;
      clearInterval(lifeTimer);
    },
    isRunning: () => isRunning,
    /** Marks the page as left, perhaps for good: another page may take over what it stores from now on. */
    leave: () => void (isLeft = true),
    comeBack: () => void (isLeft = false),
    /** Stores what has changed; returns at once. */
    persist,
    /** Stores the edits again where there are any. */
    persistEdits,
    /** Drops the acknowledged messages that are done with, and stores that; returns the workspaces whose view may change. */
    settle(by?: Settling): string[] {
      const touched = dropSettled(state, by);
      if (touched.length > 0) persist();
      return touched;
    },
    /** Stores the edits and waits for it; rejects when the storage does. */
    write,
  };
}

/** Returns a function that marks the messages of this moment as stored, but not those that have changed since. */
function rememberUnstored({ outbox }: ClientState): () => void {
  const unstored = outbox.filter((entry) => !entry.isStored).map((entry) => ({ entry, text: textOf(entry) }));
  return () => {
    for (const { entry, text } of unstored) if (textOf(entry) === text) entry.isStored = true;
  };
}

const textOf = ({ message }: ClientState['outbox'][number]): string => JSON.stringify(message);

/** Waits until the work is done or has failed, but no longer than this. */
async function within(work: Promise<unknown>, waitMs: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, waitMs)));
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
