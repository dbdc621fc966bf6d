import { Batch, toWireBatch, type StoredBatch } from '../db/batch';
import { BoundedMap } from '../utils/bounded-map';
import { push } from '../utils/push';

/** Four a second. */
const everyMs = 250;
const remembered = 1000;

type Told = { waiting: Map<string, StoredBatch>; toldAtMs: number; timer?: NodeJS.Timeout };

/** By film, what waits to be broadcast, and when something was last broadcast. */
const films = new BoundedMap<string, Told>(remembered);
/** By batch, the newest revision that was broadcast or waits for it. */
const newest = new BoundedMap<string, number>(remembered);

/** Broadcasts a batch to its film, which hears at most four a second, never an older state after a newer one, and always the last. */
export function tellBatch(stored: StoredBatch): void {
  const id = String(stored._id);
  if (stored.revision <= (newest.get(id) ?? 0)) return;
  newest.set(id, stored.revision);
  const filmId = String(stored.film_id);
  const film: Told = films.get(filmId) ?? { waiting: new Map(), toldAtMs: -Infinity };
  films.set(filmId, film);
  film.waiting.set(id, stored);
  if (!film.timer) tellNext(filmId, film);
}

/** Broadcasts a batch that another server has changed. */
export async function tellBatchOf(batchId: string): Promise<void> {
  const stored = await Batch.findById(batchId).lean<StoredBatch>();
  if (stored) tellBatch(stored);
}

/** Broadcasts the batch that has waited longest, now or when its turn comes. */
function tellNext(filmId: string, film: Told): void {
  film.timer = undefined;
  const [next] = film.waiting;
  if (!next) return;
  const waitMs = film.toldAtMs + everyMs - performance.now();
  if (waitMs <= 0) {
    const [id, batch] = next;
    film.waiting.delete(id);
    film.toldAtMs = performance.now();
    push(filmId, { type: 'batch.status_update', batch: toWireBatch(batch) });
  }
  if (film.waiting.size > 0) film.timer = setTimeout(() => tellNext(filmId, film), Math.max(waitMs, 1)).unref();
}
