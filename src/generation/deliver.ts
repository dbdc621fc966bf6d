import { setTimeout as sleep } from 'node:timers/promises';
import { makePlayable } from '../media/playable';
import { adoptVideo, fetchVideo, hasVideo } from '../media/videos';
import type { Checked, VideoProvider } from '../services/provider';
import { providerTitle } from '../services/provider-errors';
import { baseUrlOf } from '../services/providers';
import { logger } from '../utils/logger';
import { checkTask, isGone } from './check-task';
import { ageOf, logFields, pauseMs, type ActiveAttempt } from './attempt';
import { complete, endAsGone, failAndRecheck } from './ends';

const downloadTries = 3;
const goneStatuses = [404, 410];
/** Providers keep a file for at least a day; after that, a dead link means that the file is gone. */
const fileKeptMs = 24 * 3600 * 1000;

type Made = Extract<Checked, { state: 'completed' }>;

/** Downloads a clip that is made; the file is on our disk before the video is stored as completed. */
export async function deliver(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  const { result } = attempt;
  attempt.result = null;
  switch (await fetchClip(attempt, provider, result)) {
    case 'fetched':
      return complete(attempt);
    case 'gone':
      return endAsGone(attempt);
    case 'not_fetched':
      return failAndRecheck(attempt, 'DOWNLOAD_FAILED');
  }
}

/** Downloads the clip, with a fresh link for each retry; 'gone' when the provider no longer has it. */
export async function fetchClip(
  attempt: ActiveAttempt,
  provider: VideoProvider | null,
  result: Made | null,
): Promise<'fetched' | 'not_fetched' | 'gone'> {
  const { attempt_id: attemptId, accepted_at: acceptedAt } = attempt.job;
  const isOld = acceptedAt !== null && ageOf(attempt, acceptedAt) > fileKeptMs;
  let deadLinks = 0;
  for (let tries = 0; tries < downloadTries; tries++) {
    try {
      // After a crash the clip may be here already, and its link dead.
      if (!hasVideo(attemptId))
        await fetchOnce(attempt, result ?? (await checkTask(attempt, provider, { evenInCooldown: true })));
      await makePlayable(attemptId, attempt.stop.signal);
      return 'fetched';
    } catch (error) {
      if (attempt.stop.signal.aborted) throw error;
      if (isGone(attempt)) return 'gone';
      if (goneStatuses.includes(statusOf(error))) deadLinks++;
      logger.warn('video not fetched', { ...logFields(attempt), error });
      result = null;
      if (tries < downloadTries - 1) await sleep(pauseMs(tries), undefined, { signal: attempt.stop.signal });
    }
  }
  return isOld && deadLinks === downloadTries ? 'gone' : 'not_fetched';
}

async function fetchOnce({ job, stop }: ActiveAttempt, result: Checked | null): Promise<void> {
  const { attempt_id: attemptId, provider } = job;
  if (result?.state !== 'completed') throw new Error(`the task has no result (${result?.state ?? 'not checked'})`);
  if ('file' in result) return adoptVideo({ file: result.file, attemptId });
  if (!result.url) throw new Error('the task is completed, but the reply has no readable URL');
  const source = { provider: providerTitle(provider), baseUrl: baseUrlOf(provider), url: result.url };
  await fetchVideo({ ...source, attemptId, signal: stop.signal });
}

const statusOf = (error: unknown): number => Number((error as { cause?: { status?: number } }).cause?.status);
