import { config } from '../config';
import type { Checked, VideoProvider } from '../services/provider';
import { ask, isGone } from './ask';
import {
  active,
  ageOf,
  cooldownLeftMs,
  longestBackoffMs,
  nextPollMs,
  ownsVideo,
  pauseMs,
  type ActiveAttempt,
} from './attempt';
import { fetchClip } from './deliver';
import { complete, endAsFailed, endAsGone, failForNow } from './ends';
import { storeStep } from './store';

const recheckForMs = 24 * 3600 * 1000;
/** The longest delay of a timer, about 25 days; a click or the next start wakes the attempt earlier. */
const neverMs = 2 ** 31 - 1;
const maxBadReplies = 10;
const minProgressStep = 0.01;
/** How often the progress of a task may be stored: more rarely the more tasks run, to leave the database room for a reorder. */
const progressEveryMs = { least: Math.min(1000, config.VIDEO_POLL_INTERVAL_MS), perTask: 60 };

/** Checks an accepted task at its provider and stores the answer. */
export async function poll(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  // A task must not time out unchecked because of a cooldown.
  const checked = await ask(attempt, provider, { evenInCooldown: remainingMs(attempt) <= 0 });
  if (checked?.state === 'completed') return startDownload(attempt, checked);
  if (checked?.state === 'failed') return endAsFailed(attempt, checked);
  if (isGone(attempt)) return endAsGone(attempt);
  if (checked?.state === 'queued' || checked?.state === 'running') await storeProgress(attempt, checked);
  const leftMs = remainingMs(attempt);
  if (leftMs <= 0) return failForNow(attempt, 'TIMEOUT');
  if (attempt.badReplies >= maxBadReplies) return failForNow(attempt, 'PROVIDER_BAD_REPLY');
  return Math.min(leftMs, nextWaitMs(attempt, provider, checked));
}

/** Stores that the clip is made, so that it is downloaded next. */
export async function startDownload(
  attempt: ActiveAttempt,
  made: Extract<Checked, { state: 'completed' }>,
): Promise<number> {
  attempt.result = made;
  const running = {
    status: 'generating',
    phase: 'downloading',
    progress: null,
    error: null,
    completed_at: null,
  } as const;
  await storeStep(attempt, { video: running, job: { state: 'downloading' } });
  return 0;
}

/** Checks the task of an attempt that has already failed for the user. */
export async function recheck(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  const isOld = ageOf(attempt, attempt.job.accepted_at) > recheckForMs;
  // Made and paid, so a click may fetch it at any age; only the checks end.
  if (isOld && attempt.job.state === 'download_failed') return neverMs;
  const checked = await ask(attempt, provider);
  if (checked?.state === 'failed') return endAsFailed(attempt, checked);
  if (isGone(attempt)) return endAsGone(attempt);
  if (checked?.state === 'completed') {
    // Stored before the download, so that a click in the meantime knows that the clip is made and paid.
    if (attempt.job.state === 'timed_out') return startDownload(attempt, checked);
    if ((await fetchClip(attempt, provider, checked)) === 'fetched') return complete(attempt);
  }
  // A task that could not be checked is not given up, however old it is.
  if (!isOld || !checked || checked.state === 'not_found') return config.VIDEO_RECHECK_INTERVAL_MS;
  await storeStep(attempt, { job: null });
  return null;
}

function nextWaitMs(attempt: ActiveAttempt, provider: VideoProvider | null, checked: Checked | null): number {
  if (!provider) return longestBackoffMs;
  if (checked && checked.state !== 'not_found') return nextPollMs(provider);
  return cooldownLeftMs(attempt.job.provider, 'polls') || pauseMs(attempt.failedPolls + attempt.notFound - 1);
}

async function storeProgress(
  attempt: ActiveAttempt,
  checked: Extract<Checked, { state: 'queued' | 'running' }>,
): Promise<void> {
  const { phase, progress } = attempt.video;
  const next = checked.progress ?? null;
  const isSame = phase === checked.state && Math.abs((next ?? -1) - (progress ?? -1)) < minProgressStep;
  if (isSame || !ownsVideo(attempt)) return;
  const dueInMs = Math.max(progressEveryMs.least, progressEveryMs.perTask * active.size);
  if (phase === checked.state && performance.now() - attempt.progressStoredAtMs < dueInMs) return;
  attempt.progressStoredAtMs = performance.now();
  await storeStep(attempt, { video: { phase: checked.state, progress: next }, job: {} });
}

/** The milliseconds until the task times out. */
export function remainingMs(attempt: ActiveAttempt): number {
  const { accepted_at: acceptedAt } = attempt.job;
  return config.VIDEO_TIMEOUT_MS - (acceptedAt ? ageOf(attempt, acceptedAt) : 0);
}
