import { trusted } from 'mongoose';
import type { Batch as WireBatch, BatchPreview } from '../contract/batch';
import { Batch, toWireBatch, type StoredBatch } from '../db/batch';
import { requestIdsKept } from '../contract/ids';
import { Film, type StoredFilm } from '../db/film';
import { filmOrDefault } from '../db/find-films';
import { isDuplicateKey } from '../db/mongodb';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { newWriteId, processId } from '../utils/process-id';
import { tellBatch } from './broadcast';
import { planBatch, type Plan, type Wanted } from './plan';
import { wakeBatches } from './runner';
import { dropOldBatches } from './store';

const maxTries = 5;

type Press = Wanted & { filmId?: string; skipBlocked: boolean; requestId?: string };

/** What a batch would do now; starts nothing. */
export async function previewBatch({ filmId, ...wanted }: Wanted & { filmId?: string }): Promise<BatchPreview> {
  const { ready, blocked, estimate } = await planBatch(await filmOrDefault(filmId), wanted);
  return { ready, blocked, estimate };
}

/**
 * Starts a batch, which this or another server runs to its end. A repeated request_id, and a press that finds only shots that are being
 * made by a batch, get that batch. Throws BATCH_BLOCKED, naming each shot, unless those are skipped, and NOTHING_TO_GENERATE.
 */
export async function startBatch({ filmId, ...press }: Press): Promise<WireBatch> {
  const film = await filmOrDefault(filmId);
  for (let race = 0; race < maxTries; race++) {
    const repeated = press.requestId && (await findRepeated(film, press.requestId));
    if (repeated) return toWireBatch(repeated);
    const plan = await planBatch(film, press);
    if (plan.same) return toWireBatch(plan.same);
    const refusal = refusalOf(plan, press.skipBlocked);
    if (refusal && (await storeRefusal(film, refusal, press.requestId))) throw refusal;
    const stored = refusal ? null : await store(film, plan, press);
    if (!stored) continue;
    const { _id: batchId, items } = stored;
    logger.info('batch started', { batch_id: String(batchId), film_id: String(film._id), shots: items.length });
    tellBatch(stored);
    wakeBatches();
    await dropOldBatches(film._id);
    return toWireBatch(stored);
  }
  throw new AppError('BUSY', 'Others are starting batches of this film at the same time; try again in a moment.');
}

/** The batch that the same press has started before; throws what has refused it. */
async function findRepeated({ _id }: StoredFilm, requestId: string): Promise<StoredBatch | null> {
  const film = await Film.findById(_id, { batch_refusals: 1 }).lean<StoredFilm>();
  const refused = film?.batch_refusals?.find(({ request_id }) => request_id === requestId)?.error;
  if (refused) throw new AppError(refused.code, refused.message, { details: refused.details });
  return Batch.findOne({ film_id: _id, request_id: requestId }).lean<StoredBatch>();
}

/** Stores why a press was refused; false if the same press has been answered in the meantime. */
async function storeRefusal({ _id }: StoredFilm, error: AppError, requestId: string | undefined): Promise<boolean> {
  if (requestId === undefined) return true;
  if (await Batch.exists({ film_id: _id, request_id: requestId })) return false;
  const refusal = { request_id: requestId, error: error.body };
  const { matchedCount } = await Film.updateOne(
    { _id, 'batch_refusals.request_id': trusted({ $ne: requestId }) },
    { $push: { batch_refusals: { $each: [refusal], $slice: -requestIdsKept } } },
  );
  return matchedCount > 0;
}

function refusalOf({ ready, blocked }: Plan, skipBlocked: boolean): AppError | null {
  if (blocked.length > 0 && !skipBlocked) {
    const details = blocked.map(({ workspace_id, message }) => ({ path: workspace_id, message }));
    const count = blocked.length === 1 ? 'One shot' : `${blocked.length} shots`;
    const message = `${count} cannot be generated, so nothing was started; see details, or send skip_blocked: true to generate the others.`;
    return new AppError('BATCH_BLOCKED', message, { details });
  }
  if (ready.length > 0) return null;
  return new AppError('NOTHING_TO_GENERATE', 'There is no shot to generate, so nothing was started.');
}

/** Stores a batch of the shots that are ready; null if another one has taken one of them in the meantime. */
async function store({ _id: film_id }: StoredFilm, plan: Plan, press: Press): Promise<StoredBatch | null> {
  const item = { attempt_id: null, state: 'waiting', reason: null } as const;
  const ids = plan.ready.map(({ workspace_id }) => workspace_id);
  const document = {
    film_id,
    status: 'running',
    items: plan.ready.map(({ workspace_id, cost, waits_for: before }) => ({
      ...item,
      workspace_id,
      cost,
      waits_for: before && !ids.includes(before) ? plan.attempts.get(before) : null,
      planned_over: plan.attempts.get(workspace_id) ?? null,
    })),
    open: ids,
    ...(press.requestId && { request_id: press.requestId }),
    estimate: plan.estimate,
    accept_over_limit: press.acceptOverLimit,
    accept_unknown_price: press.acceptUnknownPrice,
    // Expired, so that whichever server looks first runs it.
    lease: { owner: processId, until: new Date(0) },
    stored_by: newWriteId(),
  } as const;
  try {
    return (await Batch.create(document)).toObject<StoredBatch>();
  } catch (error) {
    if (isDuplicateKey(error)) return null;
    throw error;
  }
}
