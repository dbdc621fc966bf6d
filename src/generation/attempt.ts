import { formKeys, idleVideo, type ErrorCode, type FormData, type Video, type VideoError } from '../contract';
import { toJson } from '../db/mongodb';
import type { VideoProvider } from '../services/provider';
import { logger } from '../utils/logger';
import * as store from './store';
import type { Attempt } from './store';
import { videoErrorOf } from '../services/provider-errors';
import { freeProviders, videoProvider } from '../services/providers';

export const longestBackoffMs = 30_000;

/** How the sending of an attempt ended, for the click that waits for it. */
export type Sending = 'accepted' | 'waiting' | 'ended';

/** An attempt of this process, with what need not be stored. */
export type Followed = Attempt & {
  isLate: boolean;
  stop: AbortController;
  /** Ends the pause before the next step. */
  alarm: AbortController;
  /** Told once, when the first sending has an outcome. */
  sending: { promise: Promise<Sending>; tell: (outcome: Sending) => void };
  isSending: boolean;
  refusals: number;
  lookups: number;
  badReplies: number;
  failedPolls: number;
};

/** The attempts that this process follows, by attempt_id. */
export const followed = new Map<string, Followed>();

/** Until when a provider asked us to stay away, for all its tasks. */
const quietUntil = new Map<string, number>();
const unusableProviders = new Set<string>();

/** The last step: stored, told, and a place is free for the next. null leaves the video as it is. */
export async function end(attempt: Followed, video: Partial<Video> | null): Promise<null> {
  if (attempt.isLate) {
    const take = video?.status === 'completed' ? lateTake(attempt, video) : null;
    await store.storeLate(attempt, take);
    return null;
  }
  if (!(await store.storeStep(attempt, { ...(video && { video }), job: null }))) return lost(attempt);
  attempt.sending.tell('ended');
  return null;
}

const lateTake = ({ job }: Followed, video: Partial<Video>): Video => ({
  ...idleVideo,
  task_id: job.task_id,
  provider: job.provider,
  model: job.model,
  attempt_id: job.attempt_id,
  form_data: toJson<FormData>(pickForm(job.form_data)),
  started_at: job.intent_at.toISOString(),
  ...video,
});

const pickForm = (form: FormData) => Object.fromEntries(formKeys.map((key) => [key, form[key]]));

export function lost(attempt: Followed): null {
  logger.info('job is no longer ours', logged(attempt));
  attempt.sending.tell('ended');
  return null;
}

export const failure = (code: ErrorCode, provider: string, charged: VideoError['charged']): Partial<Video> => ({
  status: 'failed',
  phase: null,
  progress: null,
  error: videoErrorOf(code, provider, isFree(provider) ? 'no' : charged),
  completed_at: new Date().toISOString(),
});

export function readyProvider(attempt: Followed): VideoProvider | null {
  const { provider } = attempt.job;
  try {
    return videoProvider(provider);
  } catch (error) {
    if (!unusableProviders.has(provider))
      logger.error('provider of a running job is not usable', { ...logged(attempt), error });
    unusableProviders.add(provider);
    return null;
  }
}

export const quietFor = (provider: string): number => Math.max(0, (quietUntil.get(provider) ?? 0) - Date.now());

export function stayAway(provider: string, ms: number): void {
  quietUntil.set(provider, Math.max(quietUntil.get(provider) ?? 0, Date.now() + ms));
}

export const backoff = (failures: number, firstMs: number): number =>
  Math.min(longestBackoffMs, firstMs * 2 ** Math.max(0, failures)) * (1 + Math.random() * 0.2);

export const logged = ({ workspaceId, job }: Attempt) => ({
  workspace_id: workspaceId,
  attempt_id: job.attempt_id,
  provider: job.provider,
  task_id: job.task_id,
});

export function createSignal(): Followed['sending'] {
  let tell: (outcome: Sending) => void = () => undefined;
  const promise = new Promise<Sending>((resolve) => (tell = resolve));
  return { promise, tell };
}

/** Stops following an attempt in this process; what is stored of it stays as it is, and its place is for the next. */
export function forget(attemptId: string): void {
  const attempt = followed.get(attemptId);
  if (!attempt) return;
  followed.delete(attemptId);
  attempt.stop.abort();
  attempt.sending.tell('ended');
  firstWaiting(attempt.job.provider)?.alarm.abort();
}

/** The oldest attempt that waits for its turn and may have it; the free ones and the paid ones have queues of their own. */
export function firstWaiting(provider: string): Followed | undefined {
  const isFreeQueue = isFree(provider);
  let first: Followed | undefined;
  for (const attempt of followed.values()) {
    const { job, isSending } = attempt;
    if (job.state !== 'waiting' || isSending || (first && first.job.intent_at <= job.intent_at)) continue;
    if (isFree(job.provider) === isFreeQueue && quietFor(job.provider) === 0) first = attempt;
  }
  return first;
}

/** Whether tasks of this provider cost nothing. */
export const isFree = (provider: string): boolean => freeProviders.includes(provider);
