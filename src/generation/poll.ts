import { setTimeout as sleep } from 'node:timers/promises';
import { config } from '../config';
import type { ErrorCode, Video, VideoError } from '../contract';
import type { Checked } from '../services/provider';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { createLimit } from '../utils/queue';
import { backoff, end, failure, logged, longestBackoffMs, lost, quietFor, readyProvider, stayAway } from './attempt';
import type { Followed } from './attempt';
import * as store from './store';
import { adoptVideo, fetchVideo, hasVideo, makePoster, videoUrl } from '../media/videos';
import { providerTitle } from '../services/provider-errors';

const recheckForMs = 24 * 3600 * 1000;
const badRepliesInARow = 10;
const downloadTries = 3;
const pollsInFlight = 20;
const minProgressStep = 0.01;
const pauseMs = Math.min(longestBackoffMs, 6 * config.VIDEO_POLL_INTERVAL_MS);

/** Providers that refuse our key; their jobs wait. */
const refusedKeys = new Set<string>();
const polling = createLimit(pollsInFlight);

export async function poll(attempt: Followed): Promise<number | null> {
  const checked = await ask(attempt);
  if (checked === null) return remainingMs(attempt) <= 0 ? overdue(attempt) : pauseAfterFailure(attempt);
  if (checked === 'paused') {
    const leftMs = remainingMs(attempt);
    return leftMs <= 0 ? overdue(attempt) : Math.min(leftMs, quietFor(attempt.job.provider) || longestBackoffMs);
  }

  switch (checked.state) {
    case 'queued':
    case 'running':
      if (!(await storeProgress(attempt, checked))) return lost(attempt);
      return remainingMs(attempt) <= 0 ? overdue(attempt) : nextPollMs(attempt);
    case 'completed':
      return deliver(attempt, checked);
    case 'failed':
      logger.warn('video failed', {
        ...logged(attempt),
        code: checked.code,
        reason: checked.reason,
        charged: checked.charged,
      });
      return end(attempt, failure(checked.code, attempt.job.provider, checked.charged));
  }
}

/** The polling rhythm, with a jitter that keeps many tasks from asking at one moment. */
export function nextPollMs(attempt: Followed): number {
  const everyMs = readyProvider(attempt)?.checkEveryMs ?? Infinity;
  return Math.min(everyMs, config.VIDEO_POLL_INTERVAL_MS) * (1 + Math.random() * 0.2);
}

/** The provider's answer about the task; null when it could not be asked, 'paused' while its jobs must wait. */
async function ask(attempt: Followed): Promise<Exclude<Checked, { state: 'not_found' }> | 'paused' | null> {
  const { provider: name, task_id: taskId } = attempt.job;
  const provider = readyProvider(attempt);
  if (!provider || quietFor(name) > 0) return 'paused';
  try {
    const checked = await polling(() => provider.check(taskId!, attempt.stop.signal));
    if (checked.state === 'not_found') throw new AppError('PROVIDER_BAD_REPLY', checked.reason);
    attempt.badReplies = 0;
    attempt.failedPolls = 0;
    if (refusedKeys.delete(name)) logger.info('provider takes the key again', { provider: name });
    return checked;
  } catch (thrown) {
    if (attempt.stop.signal.aborted) throw thrown;
    return askFailed(attempt, toAppError(thrown));
  }
}

function askFailed(attempt: Followed, error: AppError): 'paused' | null {
  const { provider } = attempt.job;
  logger.warn('task could not be asked for', { ...logged(attempt), code: error.code, error });
  if (error.code === 'PROVIDER_AUTH') {
    refusedKeys.add(provider);
    stayAway(provider, pauseMs);
    return 'paused';
  }
  if (error.code === 'PROVIDER_RATE_LIMITED') {
    stayAway(provider, error.retryAfterMs ?? backoff(attempt.failedPolls++, config.VIDEO_POLL_INTERVAL_MS));
    return 'paused';
  }
  attempt.failedPolls++;
  attempt.badReplies = error.code === 'PROVIDER_BAD_REPLY' ? attempt.badReplies + 1 : 0;
  return null;
}

/** A failed poll is not a failed task, but ten answers in a row that nobody can read are reported. */
function pauseAfterFailure(attempt: Followed): Promise<number | null> | number {
  if (attempt.badReplies >= badRepliesInARow) return giveUpForNow(attempt, 'PROVIDER_BAD_REPLY', 'maybe', 'overdue');
  return backoff(attempt.failedPolls - 1, config.VIDEO_POLL_INTERVAL_MS);
}

async function storeProgress(
  attempt: Followed,
  checked: Extract<Checked, { state: 'queued' | 'running' }>,
): Promise<boolean> {
  const { phase, progress } = attempt.video;
  const next = checked.progress ?? null;
  const isSame = phase === checked.state && Math.abs((next ?? -1) - (progress ?? -1)) < minProgressStep;
  if (isSame || attempt.isLate) return true;
  return store.storeStep(attempt, { video: { phase: checked.state, progress: next } });
}

/** The time that the task still has. */
const remainingMs = ({ job }: Followed): number =>
  config.VIDEO_TIMEOUT_MS - (Date.now() - (job.accepted_at?.getTime() ?? Date.now()));

const overdue = (attempt: Followed): Promise<number | null> => giveUpForNow(attempt, 'TIMEOUT', 'maybe', 'overdue');

/** Failed for the user, and still asked for now and then: what is paid and late is not thrown away. */
async function giveUpForNow(
  attempt: Followed,
  code: ErrorCode,
  charged: VideoError['charged'],
  state: 'overdue' | 'undelivered',
): Promise<number | null> {
  logger.warn('video given up for now', { ...logged(attempt), code });
  const isStored = await store.storeStep(attempt, {
    video: failure(code, attempt.job.provider, charged),
    job: { state },
  });
  return isStored ? config.VIDEO_RECHECK_INTERVAL_MS : lost(attempt);
}

export async function recheck(attempt: Followed): Promise<number | null> {
  const isOld = Date.now() - (attempt.job.accepted_at?.getTime() ?? 0) > recheckForMs;
  const checked = await ask(attempt);
  // Its provider may not be asked now, so that it is not given up, however old it is.
  if (checked === 'paused') return config.VIDEO_RECHECK_INTERVAL_MS;
  if (checked?.state !== 'failed') {
    const waitMs = checked?.state === 'completed' ? await deliver(attempt, checked) : config.VIDEO_RECHECK_INTERVAL_MS;
    return isOld && waitMs !== null ? end(attempt, null) : waitMs;
  }
  logger.warn('late video failed', { ...logged(attempt), code: checked.code, reason: checked.reason });
  return end(attempt, failure(checked.code, attempt.job.provider, checked.charged));
}

/** The file is ours before the word is "completed". */
export async function deliver(
  attempt: Followed,
  found?: Extract<Checked, { state: 'completed' }>,
): Promise<number | null> {
  const { state, attempt_id: attemptId } = attempt.job;
  if (state === 'following') {
    const step = { video: { phase: 'downloading', progress: null }, job: { state: 'fetching' } } as const;
    if (!(await store.storeStep(attempt, step))) return lost(attempt);
  }
  if (!(await fetchFile(attempt, found))) {
    if (state === 'overdue' || state === 'undelivered') return config.VIDEO_RECHECK_INTERVAL_MS;
    return giveUpForNow(attempt, 'DOWNLOAD_FAILED', 'yes', 'undelivered');
  }

  const video: Partial<Video> = {
    status: 'completed',
    url: videoUrl(attemptId),
    poster_url: await makePoster(attemptId),
    error: null,
    phase: null,
    progress: null,
    completed_at: new Date().toISOString(),
  };
  logger.info('video completed', logged(attempt));
  return end(attempt, video);
}

async function fetchFile(attempt: Followed, found?: Extract<Checked, { state: 'completed' }>): Promise<boolean> {
  const { attempt_id: attemptId, provider } = attempt.job;
  for (let tries = 0; tries < downloadTries; tries++) {
    // Moved into place before a crash: the address may be dead by now, the file is not.
    if (hasVideo(attemptId)) return true;
    try {
      const result = found ?? (await ask(attempt));
      if (result === null || result === 'paused' || result.state !== 'completed')
        throw new Error('the task has no result now');
      if ('file' in result) await adoptVideo({ file: result.file, attemptId });
      else
        await fetchVideo({
          provider: providerTitle(provider),
          url: result.url,
          attemptId,
          signal: attempt.stop.signal,
        });
      return true;
    } catch (error) {
      if (attempt.stop.signal.aborted) throw error;
      logger.warn('video not fetched', { ...logged(attempt), error });
      found = undefined;
      await sleep(backoff(tries, config.VIDEO_POLL_INTERVAL_MS), undefined, { signal: attempt.stop.signal });
    }
  }
  return false;
}

/** Which providers are waited for, in words for `/health`. */
export const providerWarnings = (): string[] =>
  [...refusedKeys].map(
    (name) => `${name} refuses the API key: its jobs wait; check the key in .env and restart the server`,
  );
