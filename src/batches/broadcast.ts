import { Batch, toWireBatch, type StoredBatch } from '../db/batch';
import { BoundedMap } from '../utils/bounded-map';
import { push } from '../utils/push';

/** Four a second. */
const everyMs = 250;
const remembered = 1000;

type Told = { latest: StoredBatch; toldAtMs: number; timer?: NodeJS.Timeout };

/** By batch, its newest state and when one was last broadcast. */
const known = new BoundedMap<string, Told>(remembered);

/** Broadcasts a batch to its film, at most four times a second, never an older state after a newer one, and always the last. */
export function tellBatch(stored: StoredBatch): void {
  const id = String(stored._id);
  const told = known.get(id) ?? { latest: stored, toldAtMs: -Infinity };
  if (known.has(id) && stored.revision <= told.latest.revision) return;
  told.latest = stored;
  known.set(id, told);
  if (told.timer) return;
  const waitMs = told.toldAtMs + everyMs - performance.now();
  if (waitMs <= 0) return tell(told);
  told.timer = setTimeout(() => tell(told), waitMs).unref();
}

/** Broadcasts a batch that another server has changed. */
export async function tellBatchOf(batchId: string): Promise<void> {
  const stored = await Batch.findById(batchId).lean<StoredBatch>();
  if (stored) tellBatch(stored);
}

function tell(told: Told): void {
  told.timer = undefined;
  told.toldAtMs = performance.now();
  push(String(told.latest.film_id), { type: 'batch.status_update', batch: toWireBatch(told.latest) });
}
