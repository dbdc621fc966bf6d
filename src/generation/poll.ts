import { config } from '../config';
import type { Cost } from '../contract/money';
import { costOf } from '../costs/amounts';
import type { Checked, VideoProvider } from '../services/provider';
import { checkTask, isGone } from './check-task';
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
import { complete, endAsFailed, endAsGone, failAndRecheck } from './ends';
import { storeStep } from './store';

const recheckForMs = 24 * 3600 * 1000;
/** The longest delay of a timer, about 25 days; a click or the next start wakes the attempt earlier. */
const longestTimerMs = 2 ** 31 - 1;
const maxBadReplies = 10;
const minProgressStep = 0.01;
/** How long the stored progress of a task stays unchanged at least: longer with more tasks, to leave room for other writes. */
const progressEveryMs = { least: Math.min(1000, config.VIDEO_POLL_INTERVAL_MS), perTask: 60 };

/** Checks an accepted task at its provider and stores the answer. */
export async function poll(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  // A task must not time out unchecked because of a cooldown.
  const checked = await checkTask(attempt, provider, { evenInCooldown: remainingMs(attempt) <= 0 });
  if (checked?.state === 'completed') return startDownload(attempt, checked);
  if (checked?.state === 'failed') return endAsFailed(attempt, checked);
  if (isGone(attempt)) return endAsGone(attempt);
  if (checked?.state === 'queued' || checked?.state === 'running') await storeProgress(attempt, checked);
  const leftMs = remainingMs(attempt);
  if (leftMs <= 0) return failAndRecheck(attempt, 'TIMEOUT');
  if (attempt.badReplies >= maxBadReplies) return failAndRecheck(attempt, 'PROVIDER_BAD_REPLY');
  return Math.min(leftMs, nextWaitMs(attempt, provider, checked));
}

/** Stores that the clip is made, so that it is downloaded next. */
export async function startDownload(
  attempt: ActiveAttempt,
  result: Extract<Checked, { state: 'completed' }>,
): Promise<number> {
  attempt.result = result;
  const running = {
    status: 'generating',
    phase: 'downloading',
    progress: null,
    error: null,
    completed_at: null,
  } as const;
  await storeStep(attempt, { video: running, job: { state: 'downloading' }, cost: costOfMade(result) });
  return 0;
}

const costOfMade = (made: Extract<Checked, { state: 'completed' }>): Cost | undefined =>
  'charge' in made ? costOf(made) : undefined;

/** Checks the task of an attempt that has already failed for the user. */
export async function recheck(attempt: ActiveAttempt, provider: VideoProvider | null): Promise<number | null> {
  const isOld = ageOf(attempt, attempt.job.accepted_at) > recheckForMs;
  // The clip is made and paid, so a click may download it at any age; only the checks end.
  if (isOld && attempt.job.state === 'download_failed') return longestTimerMs;
  const checked = await checkTask(attempt, provider);
  if (checked?.state === 'failed') return endAsFailed(attempt, checked);
  if (isGone(attempt)) return endAsGone(attempt);
  if (checked?.state === 'completed') {
    // Stored before the download, so that a click in the meantime knows that the clip is made and paid.
    if (attempt.job.state === 'timed_out') return startDownload(attempt, checked);
    if ((await fetchClip(attempt, provider, checked)) === 'fetched') return complete(attempt, costOfMade(checked));
  }
  // A task that could not be checked is never given up, however old it is.
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
  await storeBound(attempt, costOf(checked));
  const next = checked.progress ?? null;
  const isSame = phase === checked.state && Math.abs((next ?? -1) - (progress ?? -1)) < minProgressStep;
  if (isSame || !ownsVideo(attempt)) return;
  const dueInMs = Math.max(progressEveryMs.least, progressEveryMs.perTask * active.size);
  if (phase === checked.state && performance.now() - attempt.progressStoredAtMs < dueInMs) return;
  attempt.progressStoredAtMs = performance.now();
  await storeStep(attempt, { video: { phase: checked.state, progress: next }, job: {} });
}

/** Stores the most that the vendor will charge, once it says so. */
async function storeBound(attempt: ActiveAttempt, cost: Cost | undefined): Promise<void> {
  const { cost: known } = attempt.job;
  const isSame = known?.basis === cost?.basis && known?.micros === cost?.micros;
  if (cost && !isSame) await storeStep(attempt, { job: {}, cost });
}

/** The milliseconds until the task times out. */
export function remainingMs(attempt: ActiveAttempt): number {
  const { accepted_at: acceptedAt } = attempt.job;
  return config.VIDEO_TIMEOUT_MS - (acceptedAt ? ageOf(attempt, acceptedAt) : 0);
}
