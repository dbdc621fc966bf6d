import type { batchChoices } from '../../contract/batch';
import { ApiError, cancelBatch, generateBatch, type AcceptedOfBatch } from '../api';
import { batchTold, batchWords } from '../state/batches';
import { announce } from '../state/notices';
import { getState } from '../state/store';
import { newId } from '../sync/new-id';
import { editsStored, isLost, sendUntilAnswered } from '../generate/send';

export type BatchChoice = (typeof batchChoices)[number];

/** Which shots of the film: those of a kind, or those that were chosen. */
export type Which = { only: BatchChoice } | { workspace_ids: readonly string[] };

/** The press of which nobody knows what became of it: the same press again asks for the same batch. */
let unanswered: { wanted: string; requestId: string } | null = null;

/** Starts a batch, without the shots that are known to be blocked; returns its id. Throws an ApiError. */
export async function startBatch(which: Which, accepted: AcceptedOfBatch, skipBlocked: boolean): Promise<string> {
  await editsStored();
  const { filmId, batches } = getState();
  // A batch that has come since says that the press was taken: this is a new one.
  const wanted = JSON.stringify([which, batches[0]?._id]);
  const requestId = unanswered?.wanted === wanted ? unanswered.requestId : newId();
  const skip = skipBlocked && { skip_blocked: true as const };
  const body = { film_id: filmId!, request_id: requestId, ...which, ...accepted, ...skip };
  try {
    const batch = await sendUntilAnswered(() => generateBatch(body));
    unanswered = null;
    batchTold(batch);
    announce(batchWords(batch));
    return batch._id;
  } catch (error) {
    unanswered = error instanceof ApiError && isLost(error.code) ? { wanted, requestId } : null;
    throw error;
  }
}

/** Cancels what of a batch was not sent yet. Throws an ApiError. */
export const stopBatch = async (id: string): Promise<void> => batchTold(await cancelBatch(id));
