import { z } from 'zod';
import type { Settings } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { AspectRatio, FormData } from '../contract/form';
import type { VideoError } from '../contract/video';
import type { LanguageModel } from '../prompts/suggestion';

/** What a video provider supports; `/api/options` shows it, and anything else is refused before it is paid. */
export type VideoCapabilities = {
  durations_s: number[];
  aspect_ratios: AspectRatio[];
  /** The longest prompt, counted by `promptLength` of `src/prompts/compose-prompt.ts`. */
  prompt_max: number;
  prompt_required: boolean;
  negative_prompt: boolean;
  seed: boolean;
  cancel: boolean;
  /** How a repeated create is told from a new one: by an idempotency key, by a lookup, or not at all. */
  deduplication: 'none' | 'key' | 'lookup';
};

/** One attempt as a provider sees it, frozen when the click was accepted. */
export type VideoJob = {
  attempt_id: string;
  model: string;
  form_data: FormData;
  /** The absolute path of the image on our disk. */
  imageFile: string;
  /** The result of `picture`, in memory only; empty for a provider that reads `imageFile` itself. */
  picture: Buffer;
  /** The result of `prepare`; stored before the paid request, so that a repetition sends the same. */
  prepared: unknown;
};

/** The provider's answer to a create. Anything else must be thrown, and its outcome counts as unknown. */
export type Submitted =
  | { state: 'accepted'; taskId: string }
  /** Final: this request will never be accepted. */
  | { state: 'refused'; code: ErrorCode; reason: string; charged?: VideoError['charged'] }
  /** Certainly not accepted now, perhaps later: rate and concurrency limits. */
  | { state: 'not_accepted'; code: ErrorCode; reason: string; retryAfterMs?: number };

/** The provider's answer about a task. Throw when there is no such answer, since that says nothing about the task. */
export type Checked =
  | { state: 'queued' | 'running'; progress?: number | null }
  /** Made and paid; `url` is null when the answer has no readable URL. */
  | { state: 'completed'; url: string | null }
  /** From a provider on this machine: an mp4 that the engine moves. */
  | { state: 'completed'; file: string }
  | { state: 'failed'; code: ErrorCode; reason: string; charged: VideoError['charged'] }
  /** The provider has no such task: deleted, expired, or created with another account's key. */
  | { state: 'not_found'; reason: string };

/** The answer about a completed task, which stays completed even if its URL is invalid. */
export const completedAt = (url: unknown): Checked => ({
  state: 'completed',
  url: z.url().safeParse(url).data ?? null,
});

/** One video provider. Each `reason` goes to the log; people read our own sentence for the code. */
export type VideoProvider = {
  name: string;
  settings: Settings;
  model: string;
  capabilities: VideoCapabilities;
  /** True when tasks cost nothing: its jobs have a queue of their own and are never charged. */
  isNoCharge?: boolean;
  /** Why it cannot work on this machine, as a sentence; null when it can. */
  problem?: () => string | null;
  /** Milliseconds between two checks, if less than VIDEO_POLL_INTERVAL_MS. */
  checkEveryMs?: number;
  /** Converts the image to what the provider accepts, before the paid request, so that a bad file costs nothing. */
  picture?: (job: VideoJob) => Promise<Buffer>;
  /** Free preparation before the paid request, such as an upload; its JSON result is stored as `job.prepared`. */
  prepare?: (job: VideoJob, signal: AbortSignal) => Promise<unknown>;
  /** `signal` aborts it only before any byte has left (`isPaid` of `sendRequest`). */
  submit: (job: VideoJob, signal: AbortSignal) => Promise<Submitted>;
  check: (taskId: string, signal: AbortSignal) => Promise<Checked>;
  /** Returns once the provider has confirmed the cancellation; throws to be called again, even for an unknown task. */
  cancel?: (taskId: string, signal: AbortSignal) => Promise<void>;
  /** Finds the task of an attempt whose answer was lost; null when the provider has no such task. */
  lookup?: (attemptId: string, signal: AbortSignal) => Promise<string | null>;
};

/** Types the default export of a `services/video-*.ts` file; changes nothing. */
export const defineVideoProvider = (provider: VideoProvider): VideoProvider => provider;

/** One language model provider. */
export type LlmProvider = LanguageModel & { settings: Settings };

/** Types the default export of a `services/llm-*.ts` file; changes nothing. */
export const defineLlmProvider = (provider: LlmProvider): LlmProvider => provider;
