import { trusted } from 'mongoose';
import type { Batch as WireBatch } from '../contract/batch';
import type { Video } from '../contract/video';
import { Batch, toWireBatch, type StoredBatch } from '../db/batch';
import { findWorkspace } from '../db/find-workspaces';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import { cancelVideo } from '../generation/cancel';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { attemptOf, cancelled } from './advance';
import { changeBatch, changeItem, findBatch, isOpen } from './store';

/** Cancels what a batch has not sent; what was sent goes on. One that has ended, or was cancelled before, is returned unchanged. */
export async function cancelBatch(batchId: string): Promise<WireBatch> {
  await findBatch(batchId);
  const batch = await changeBatch(batchId, ({ status, items }) => {
    if (status !== 'running') return null;
    return {
      status: 'cancelled',
      items: items.map((item) => (item.state === 'waiting' ? cancelled(item) : item)),
    };
  });
  logger.info('batch cancelled', { batch_id: batchId });
  await cancelUnsent(batch);
  return toWireBatch(await findBatch(batchId));
}

/** Cancels the attempts of a batch that wait for a slot, since another server was faster. */
async function cancelUnsent(batch: StoredBatch): Promise<void> {
  const started = new Map(batch.items.filter(isOpen).map((item) => [item.workspace_id, item.attempt_id]));
  const inBatch = trusted({ $in: [...started.keys()] });
  const unsent = { _id: inBatch, 'job.state': 'queued', 'video.status': 'generating' } as const;
  for (const shot of await Workspace.find(unsent, { job: 1, clicks: 1 }).lean<StoredWorkspace[]>()) {
    const id = String(shot._id);
    const attemptId = started.get(id) ?? attemptOf(shot, batch);
    // Another attempt is a click of a user, who has chosen a take since.
    if (attemptId === shot.job!.attempt_id) await cancelVideo(id, attemptId).catch(ignoreSent);
  }
}

function ignoreSent(error: unknown): void {
  if (!(error instanceof AppError) || error.code !== 'NOT_GENERATING') throw error;
}

/** Cancels the generation of a shot, or takes a shot that waits for its turn out of its batch. */
export async function cancelShot(
  workspaceId: string,
  attemptId: string | undefined,
): Promise<{ workspace_id: string; video: Video }> {
  const isTakenOut = attemptId === undefined && (await takeOut(workspaceId));
  if (!isTakenOut) return cancelVideo(workspaceId, attemptId);
  const { video } = await findWorkspace(workspaceId);
  return toJson({ workspace_id: workspaceId, video });
}

async function takeOut(workspaceId: string): Promise<boolean> {
  const waiting = trusted({ $elemMatch: { workspace_id: workspaceId, state: 'waiting' } });
  const found = await Batch.findOne({ status: 'running', items: waiting }, { _id: 1 }).lean();
  return found !== null && changeItem(found._id, workspaceId, 'waiting', cancelled);
}
