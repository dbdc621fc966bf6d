import type { StoredOutbox } from './outbox';
import type { Persistence } from './persist';
import type { Snapshots } from './snapshot';
import type { ClientState } from './state';
import { keysOfOtherPages, type PageStorage } from './storage';

/** The parts of the client that takes over the edits of other pages. */
type Heir = { state: ClientState; page: PageStorage; persistence: Persistence; snapshots: Snapshots };

type TakeOver = (stored: StoredOutbox) => void;

/** A page that is being closed releases its lock a moment later. */
const adoptAfterMs = [0, 500, 2000];

/** Finds the edits of pages that are gone, hands them to `takeOver`, and stores them as edits of this page. */
export async function adoptEdits(heir: Heir, takeOver: TakeOver): Promise<void> {
  const { page, persistence } = heir;
  await page.takeLock(page.key).catch(() => true);
  // Without locks, once more when the other pages have been silent for long enough.
  for (const waitMs of page.hasLocks ? adoptAfterMs : [...adoptAfterMs, page.goneAfterMs]) {
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (!persistence.isRunning()) return;
    const keys = await keysOfOtherPages(page).catch((): string[] => []);
    if (keys.length === 0) return;
    for (const key of keys) await adoptFrom(key, heir, takeOver).catch(() => undefined);
  }
}

async function adoptFrom(key: string, heir: Heir, takeOver: TakeOver): Promise<void> {
  const { state, page, persistence, snapshots } = heir;
  if (!(await page.takeLock(key))) return;
  const stored = (await page.storage.get(key)) as StoredOutbox | undefined;
  if (!stored) return;
  if (!page.hasLocks && Date.now() - (stored.aliveAt ?? 0) < page.goneAfterMs) return;
  takeOver(stored);
  // First the copy, then the original: an edit may be stored twice for a moment, and is never lost.
  await persistence.write();
  await page.storage.delete(key);
  persistence.persist();
  snapshots.refresh(state.outbox.flatMap(({ message }) => ('workspace_id' in message ? [message.workspace_id] : [])));
  snapshots.refreshFilms();
}
