import { trusted } from 'mongoose';
import type { Limit } from '../contract/money';
import { limitsFor } from '../costs/limits';
import { dayStart } from '../costs/spent';
import { Charge, type StoredCharge } from '../db/charge';
import { Film } from '../db/film';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { logger } from '../utils/logger';
import { failedWith } from './attempt';
import { notifyLoop } from './cancel';
import { storeCancellation } from './clicks';

/** Stops what waits in every film with a limit, and under the limit per day, which may have been lowered while the server was down. */
export async function stopAllOverLimit(): Promise<void> {
  await stopOverLimit(undefined);
  const limited = await Film.distinct('_id', { 'settings.spend_limit': trusted({ $ne: null }) });
  for (const id of limited) await stopOverLimit(String(id));
}

/**
 * Stops attempts that wait, newest first, until what is spent is within the limits again; what was sent goes on, and what was accepted
 * beyond a limit too.
 */
export async function stopOverLimit(filmId: string | undefined): Promise<void> {
  const waiting = await waitingCharges(filmId);
  for (const charge of waiting) {
    const passed = (await limitsFor(filmId)).find((limit) => isPassed(limit, charge));
    if (!passed) continue;
    await stop(charge);
  }
}

const isPassed = ({ scope, limit, spent }: Limit, { cost, started_at: startedAt }: StoredCharge): boolean =>
  spent.micros > limit.micros &&
  limit.currency === cost?.currency &&
  (scope === 'film' || startedAt >= dayStart(new Date()));

const waitingCharges = (filmId: string | undefined): Promise<StoredCharge[]> =>
  Charge.find({
    state: 'reserved',
    accept_over_limit: false,
    ...(filmId !== undefined && { film_id: filmId }),
  })
    .sort({ started_at: -1 })
    .lean<StoredCharge[]>()
    .exec();

async function stop({ workspace_id: workspaceId, attempt_id: attemptId, provider }: StoredCharge): Promise<void> {
  const isWaiting = { _id: workspaceId, 'job.attempt_id': attemptId, 'job.state': 'queued' } as const;
  const read = await Workspace.findOne(isWaiting).lean<StoredWorkspace>();
  if (!read) return;
  const message = 'The spending limit was lowered while this video was waiting, so it was not sent and costs nothing.';
  const stopped = await storeCancellation(read, failedWith({ code: 'SPEND_LIMIT_REACHED', message, charged: 'no' }));
  if (!stopped) return;
  logger.info('waiting video stopped by a spending limit', {
    workspace_id: String(workspaceId),
    attempt_id: attemptId,
    provider,
  });
  await notifyLoop(stopped);
}
