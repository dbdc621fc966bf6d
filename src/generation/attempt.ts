import { config } from '../config';
import type { Sources } from '../contract/continuity';
import { formKeys, idleVideo } from '../contract/defaults';
import type { ErrorCode } from '../contract/errors';
import type { FormData } from '../contract/form';
import type { Video, VideoError } from '../contract/video';
import type { Job } from '../db/job';
import { toJson } from '../db/workspace';
import type { Checked, VideoProvider } from '../services/provider';
import { videoErrorOf } from '../services/provider-errors';
import { noChargeProviders, videoProvider } from '../services/providers';
import { backoffMs } from '../utils/backoff';
import { logger } from '../utils/logger';

export const longestBackoffMs = 30_000;

/** One attempt: its job as last stored, and the video of its workspace, which may belong to another attempt by now. */
export type Attempt = {
  workspaceId: string;
  job: Job;
  video: Video;
  /** Whether a newer click has replaced the job. */
  isSuperseded: boolean;
};

/** The fields of a workspace that the engine reads. */
export const readFields = {
  film_id: 1,
  video: 1,
  takes: 1,
  version: 1,
  stored_by: 1,
  deleted_at: 1,
  job: 1,
  superseded: 1,
} as const;

/** The first outcome of an attempt, for the click that waits for it. */
type Outcome = 'accepted' | 'waiting' | 'ended';

/** An attempt that this process runs, with its in-memory state. */
export type ActiveAttempt = Attempt & {
  stop: AbortController;
  /** Ends the wait before the next step. */
  wake: AbortController;
  firstOutcome: Deferred<Outcome>;
  /** Resolved after the first cancel request to the provider, or when the attempt is released. */
  cancelTried: Deferred<void>;
  /** Stored times, in ms, mapped to the monotonic clock of this process. */
  monotonicTimes: Map<number, number>;
  hasSlot: boolean;
  /** Whether its paid request is in flight. */
  isSending: boolean;
  /** Whether the back-off before the next repetition of a create has been waited for. */
  isRepeatDue: boolean;
  /** Stops a create that has not left yet, because its attempt is no longer wanted. */
  abortSubmit: (why: 'cancelled' | 'deleted') => void;
  /** What the provider last said about a finished task. */
  result: Extract<Checked, { state: 'completed' }> | null;
  /** When its progress was last stored, on the monotonic clock. */
  progressStoredAtMs: number;
  refusals: number;
  lookups: number;
  failedPolls: number;
  badReplies: number;
  /** Consecutive replies that the provider has no such task. */
  notFound: number;
  /** Rounds of cancelling without a confirmation. */
  failedCancels: number;
};

export type Deferred<Value> = { promise: Promise<Value>; resolve: (value: Value) => void };

/** Thrown by a step if another process runs the attempt or it has ended; caught by the loop. */
export class LeaseLost extends Error {}

/** The attempts that this process runs, by attempt_id. */
export const active = new Map<string, ActiveAttempt>();

/** An attempt ready for the loop. */
export const activate = (attempt: Attempt): ActiveAttempt => ({
  ...attempt,
  stop: new AbortController(),
  wake: new AbortController(),
  firstOutcome: createDeferred(),
  cancelTried: createDeferred(),
  monotonicTimes: new Map(),
  hasSlot: false,
  isSending: false,
  isRepeatDue: false,
  abortSubmit: () => undefined,
  result: null,
  progressStoredAtMs: -Infinity,
  refusals: 0,
  lookups: 0,
  failedPolls: 0,
  badReplies: 0,
  notFound: 0,
  failedCancels: 0,
});

/** The age of a stored time in milliseconds; measured on the monotonic clock once read, since the system clock may jump. */
export function ageOf({ monotonicTimes }: ActiveAttempt, date: Date | null): number {
  const time = date?.getTime() ?? 0;
  const monotonic = monotonicTimes.get(time) ?? performance.now() - (Date.now() - time);
  monotonicTimes.set(time, monotonic);
  return performance.now() - monotonic;
}

/** Whether the video of the workspace still shows this attempt, uncancelled. */
export const ownsVideo = ({ job, video }: Attempt): boolean =>
  video.attempt_id === job.attempt_id && job.cancelled_at === null;

/** A failed video, with our own sentence for the code. */
export const failure = (code: ErrorCode, provider: string, charged: VideoError['charged']) =>
  failedWith(videoErrorOf(code, provider, isNoCharge(provider) ? 'no' : charged));

/** A failed video, with this error. */
export const failedWith = (error: VideoError) => ({
  status: 'failed' as const,
  phase: null,
  progress: null,
  error,
  completed_at: new Date().toISOString(),
});

/** The finished video of an attempt that no longer owns the video of its workspace. */
export const takeOf = ({ job }: Attempt, completed: Partial<Video>): Video => ({ ...videoOf(job), ...completed });

/** The video of an attempt that has just been accepted. */
export const videoOf = (job: Job): Video => ({
  ...idleVideo,
  task_id: job.task_id,
  provider: job.provider,
  model: job.model,
  attempt_id: job.attempt_id,
  form_data: toJson<FormData>(pickForm(job.form_data)),
  ...videoSources(job),
  cost: job.cost,
  started_at: job.intent_at.toISOString(),
});

/** The pictures of an attempt, which are those of its neighbours only from the moment on at which it is sent. */
export type JobSources = Pick<Job, 'image_path' | 'end_image_path' | 'from_attempt_id' | 'from_s'>;

export const sourcesIn = ({ image_path, end_image_path, from_attempt_id, from_s }: JobSources): JobSources => ({
  image_path,
  end_image_path,
  from_attempt_id,
  from_s,
});

/** The pictures of the video of an attempt. */
export const videoSources = ({ image_path, end_image_path, from_attempt_id, from_s }: JobSources): Sources => ({
  image_url: image_path && `/${image_path}`,
  end_image_url: end_image_path && `/${end_image_path}`,
  from_attempt_id,
  from_s,
});

const pickForm = (form: FormData) => Object.fromEntries(formKeys.map((key) => [key, form[key]]));

const unusableProviders = new Set<string>();

/** The provider of an attempt; null, which is logged once, if its file or its key is missing. */
export function usableProvider(attempt: Attempt): VideoProvider | null {
  const { provider } = attempt.job;
  try {
    return videoProvider(provider);
  } catch (error) {
    if (!unusableProviders.has(provider)) logger.error('provider unavailable', { ...logFields(attempt), error });
    unusableProviders.add(provider);
    return null;
  }
}

/** The providers that attempts wait for, since their file or key is missing. */
export const unusableProviderNames = (): string[] =>
  [...unusableProviders].filter((name) => [...active.values()].some(({ job }) => job.provider === name));

/** Providers limit creates and polls separately: a limit on creates does not affect running tasks. */
export type Gate = 'creates' | 'polls';

const cooldownUntil = new Map<string, number>();

/** Starts a cooldown for one gate of a provider, or extends it. */
export function coolDown(provider: string, gate: Gate, ms: number): void {
  const key = `${provider} ${gate}`;
  cooldownUntil.set(key, Math.max(cooldownUntil.get(key) ?? 0, performance.now() + ms));
}

/** The rest of the cooldown of a gate in milliseconds; 0 when it is open. */
export const cooldownLeftMs = (provider: string, gate: Gate): number =>
  Math.max(0, (cooldownUntil.get(`${provider} ${gate}`) ?? 0) - performance.now());

/** The back-off in milliseconds after that many consecutive failures at a provider. */
export const pauseMs = (failures: number): number =>
  backoffMs(failures, config.VIDEO_POLL_INTERVAL_MS, longestBackoffMs);

/** The polling interval, with jitter, so that many tasks are not polled at the same moment. */
export const nextPollMs = (provider: VideoProvider | null): number =>
  Math.min(provider?.checkEveryMs ?? Infinity, config.VIDEO_POLL_INTERVAL_MS) * (1 + Math.random() * 0.2);

/** The fields of every log line about an attempt. */
export const logFields = ({ workspaceId, job }: Attempt) => ({
  workspace_id: workspaceId,
  attempt_id: job.attempt_id,
  provider: job.provider,
  task_id: job.task_id,
});

/** Whether tasks of this provider cost nothing. */
export const isNoCharge = (provider: string): boolean => noChargeProviders.includes(provider);

function createDeferred<Value>(): Deferred<Value> {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((settle) => (resolve = settle));
  return { promise, resolve };
}
