import { z } from 'zod';
import type { Settings } from '../config';
import type { ErrorCode } from '../contract/errors';
import type { AspectRatio, FormData } from '../contract/form';
import type { VideoError } from '../contract/video';
import type { LanguageModel } from '../prompts/suggestion';

/** What a video provider can do; `/api/options` shows it and the engine refuses the rest before anything is paid. */
export type VideoCapabilities = {
  durations_s: number[];
  aspect_ratios: AspectRatio[];
  /** The longest prompt, counted by `promptLength` of `src/prompts/compose-prompt.ts`. */
  prompt_max: number;
  prompt_required: boolean;
  negative_prompt: boolean;
  seed: boolean;
  cancel: boolean;
  /** How a second create of one attempt is told from a new one: by a repeatable key, by asking for it, or not at all. */
  deduplication: 'none' | 'key' | 'lookup';
};

/** One attempt as a provider sees it: what was frozen when the click was accepted. */
export type VideoJob = {
  attempt_id: string;
  model: string;
  form_data: FormData;
  /** The picture on our disk, as an absolute path. */
  imageFile: string;
  /** What `picture` made of it, in memory only; empty for a provider that reads `imageFile` itself. */
  picture: Buffer;
  /** What `prepare` returned; stored before the paid request, so that a repetition sends the same. */
  prepared: unknown;
};

/** The provider's answer to a create. Anything else must be thrown, and counts as "nobody knows". */
export type Submitted =
  | { state: 'accepted'; taskId: string }
  /** Final: this request will never be taken. */
  | { state: 'refused'; code: ErrorCode; reason: string; charged?: VideoError['charged'] }
  /** Certainly not taken, later perhaps: rate and concurrency limits. */
  | { state: 'not_accepted'; code: ErrorCode; reason: string; retryAfterMs?: number };

/** The provider's answer about a task. A request that got no such answer must be thrown: it says nothing about the task. */
export type Checked =
  | { state: 'queued' | 'running'; progress?: number | null }
  /** Made and paid; `url` is null where the answer names no address that can be read. */
  | { state: 'completed'; url: string | null }
  /** For a provider on this machine: an mp4 that the engine moves away. */
  | { state: 'completed'; file: string }
  | { state: 'failed'; code: ErrorCode; reason: string; charged: VideoError['charged'] }
  /** The provider has no such task: deleted, expired, or made with the key of another account. */
  | { state: 'not_found'; reason: string };

/** The answer about a task that is made: an address that makes no sense does not make it unmade. */
export const completedAt = (url: unknown): Checked => ({
  state: 'completed',
  url: z.url().safeParse(url).data ?? null,
});

/** One video provider. `reason` goes to the log; people read our own sentence for the code. */
export type VideoProvider = {
  name: string;
  settings: Settings;
  model: string;
  capabilities: VideoCapabilities;
  /** True where a task costs nothing: its jobs queue apart from the paid ones, and none of them is ever charged. */
  isNoCharge?: boolean;
  /** What keeps it from working on this machine, as a sentence; null where nothing does. */
  problem?: () => string | null;
  /** Milliseconds between two checks, where that may be less than VIDEO_POLL_INTERVAL_MS. */
  checkEveryMs?: number;
  /** The picture in the shape that the provider takes; made before the paid request, so that a bad file costs nothing. */
  picture?: (job: VideoJob) => Promise<Buffer>;
  /** Free preparation before the paid request, such as an upload; its JSON result is stored as `job.prepared`. */
  prepare?: (job: VideoJob, signal: AbortSignal) => Promise<unknown>;
  /** `signal` ends it only while no byte can have left (`isPaid` of `sendRequest`). */
  submit: (job: VideoJob, signal: AbortSignal) => Promise<Submitted>;
  check: (taskId: string, signal: AbortSignal) => Promise<Checked>;
  /** Returns once the provider has confirmed it; throws where it is to be asked again, as for a task that it does not know. */
  cancel?: (taskId: string, signal: AbortSignal) => Promise<void>;
  /** Finds the task of an attempt whose answer was lost; null when the provider has none. */
  lookup?: (attemptId: string, signal: AbortSignal) => Promise<string | null>;
};

/** Names the shape of a `services/video-*.ts` file; changes nothing. */
export const defineVideoProvider = (provider: VideoProvider): VideoProvider => provider;

/** One language model provider. */
export type LlmProvider = LanguageModel & { settings: Settings };

/** Names the shape of a `services/llm-*.ts` file; changes nothing. */
export const defineLlmProvider = (provider: LlmProvider): LlmProvider => provider;
