import { config } from '../config';
import type { ErrorCode } from '../contract/errors';
import { formKeys, type FormData } from '../contract/form';
import { idleVideo, type Video, type VideoError } from '../contract/video';
import type { Job } from '../db/job';
import { toJson } from '../db/workspace';
import type { Checked, VideoProvider } from '../services/provider';
import { videoErrorOf } from '../services/provider-errors';
import { noChargeProviders, videoProvider } from '../services/providers';
import { backoffMs } from '../utils/backoff';
import { logger } from '../utils/logger';

export const longestBackoffMs = 30_000;

/** One click that may cost: its job as last stored, and the video of its workspace, which may be another attempt's by now. */
export type Attempt = {
  workspaceId: string;
  job: Job;
  video: Video;
  /** Whether a newer click has taken the place of the job. */
  isSuperseded: boolean;
};

/** What of a workspace the engine reads. */
export const readFields = {
  video: 1,
  takes: 1,
  version: 1,
  stored_by: 1,
  deleted_at: 1,
  job: 1,
  superseded: 1,
} as const;

/** How the sending of an attempt ended, for the click that waits for it. */
type Outcome = 'accepted' | 'waiting' | 'ended';

/** An attempt that this process brings forward, with what need not be stored. */
export type ActiveAttempt = Attempt & {
  stop: AbortController;
  /** Ends the pause before the next step. */
  wake: AbortController;
  firstOutcome: Deferred<Outcome>;
  /** Resolved when the provider was asked to cancel for the first time, and when the attempt is let go. */
  cancelTried: Deferred<void>;
  /** By a stored moment, when it was on the clock of this process, which nobody sets. */
  metAt: Map<number, number>;
  hasSlot: boolean;
  /** Whether its paid request is out. */
  isSending: boolean;
  isRepetitionDue: boolean;
  /** Told while its create is on the way out that it is not wanted any more. */
  giveUp: (why: 'cancelled' | 'deleted') => void;
  /** What the provider last said about a finished task. */
  result: Extract<Checked, { state: 'completed' }> | null;
  /** When its progress was told last, by the clock of this process. */
  progressToldMs: number;
  refusals: number;
  lookups: number;
  failedPolls: number;
  badReplies: number;
  /** How often in a row the provider said that it has no such task. */
  notFound: number;
  /** Rounds of cancelling without a confirmation. */
  failedCancels: number;
};

export type Deferred<Value> = { promise: Promise<Value>; resolve: (value: Value) => void };

/** The attempt is another process's by now, or has ended: thrown by a step of the store, caught by the loop. */
export class LeaseLost extends Error {}

/** The attempts that this process brings forward, by attempt_id. */
export const active = new Map<string, ActiveAttempt>();

/** An attempt as the loop takes it up. */
export const activate = (attempt: Attempt): ActiveAttempt => ({
  ...attempt,
  stop: new AbortController(),
  wake: new AbortController(),
  firstOutcome: createDeferred(),
  cancelTried: createDeferred(),
  metAt: new Map(),
  hasSlot: false,
  isSending: false,
  isRepetitionDue: false,
  giveUp: () => undefined,
  result: null,
  progressToldMs: -Infinity,
  refusals: 0,
  lookups: 0,
  failedPolls: 0,
  badReplies: 0,
  notFound: 0,
  failedCancels: 0,
});

/** How long ago a stored moment is, in milliseconds: counted on from its first look, whatever happens to the clock meanwhile. */
export function ageOf({ metAt }: ActiveAttempt, date: Date | null): number {
  const time = date?.getTime() ?? 0;
  const met = metAt.get(time) ?? performance.now() - (Date.now() - time);
  metAt.set(time, met);
  return performance.now() - met;
}

/** Whether the video of the workspace is this attempt's, and still says how it goes on. */
export const ownsVideo = ({ job, video }: Attempt): boolean =>
  video.attempt_id === job.attempt_id && job.cancelled_at === null;

/** A video that failed, in our own sentence. */
export const failure = (code: ErrorCode, provider: string, charged: VideoError['charged']): Partial<Video> =>
  failedWith(videoErrorOf(code, provider, isNoCharge(provider) ? 'no' : charged));

/** A video that failed with this error. */
export const failedWith = (error: VideoError): Partial<Video> => ({
  status: 'failed',
  phase: null,
  progress: null,
  error,
  completed_at: new Date().toISOString(),
});

/** The finished video of an attempt that no longer owns the video of its workspace. */
export const takeOf = ({ job }: Attempt, completed: Partial<Video>): Video => ({
  ...idleVideo,
  task_id: job.task_id,
  provider: job.provider,
  model: job.model,
  attempt_id: job.attempt_id,
  form_data: toJson<FormData>(pickForm(job.form_data)),
  started_at: job.intent_at.toISOString(),
  ...completed,
});

const pickForm = (form: FormData) => Object.fromEntries(formKeys.map((key) => [key, form[key]]));

const unusableProviders = new Set<string>();

/** The provider of an attempt; null, with a line in the log, where its file or its key is gone. */
export function usableProvider(attempt: Attempt): VideoProvider | null {
  const { provider } = attempt.job;
  try {
    return videoProvider(provider);
  } catch (error) {
    if (!unusableProviders.has(provider))
      logger.error('provider of an attempt is not usable', { ...logFields(attempt), error });
    unusableProviders.add(provider);
    return null;
  }
}

/** Providers that attempts wait for and that have no file or no key. */
export const unusableProviderNames = (): string[] =>
  [...unusableProviders].filter((name) => [...active.values()].some(({ job }) => job.provider === name));

/** A provider limits creates and polls apart: a full queue for creates says nothing about the tasks that run. */
export type Gate = 'creates' | 'polls';

const cooldownUntil = new Map<string, number>();

/** Keeps every attempt away from one gate of a provider for that long. */
export function coolDown(provider: string, gate: Gate, ms: number): void {
  const key = `${provider} ${gate}`;
  cooldownUntil.set(key, Math.max(cooldownUntil.get(key) ?? 0, performance.now() + ms));
}

/** How long that gate is still closed; 0 when it is open. */
export const cooldownLeftMs = (provider: string, gate: Gate): number =>
  Math.max(0, (cooldownUntil.get(`${provider} ${gate}`) ?? 0) - performance.now());

/** The pause after that many failures in a row at a provider. */
export const pauseMs = (failures: number): number =>
  backoffMs(failures, config.VIDEO_POLL_INTERVAL_MS, longestBackoffMs);

/** The polling rhythm, with a jitter that keeps many tasks from being asked for at one moment. */
export const nextPollMs = (provider: VideoProvider | null): number =>
  Math.min(provider?.checkEveryMs ?? Infinity, config.VIDEO_POLL_INTERVAL_MS) * (1 + Math.random() * 0.2);

/** What every line of the log about an attempt carries. */
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
