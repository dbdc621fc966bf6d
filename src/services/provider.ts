import { z } from 'zod';
import type { Settings } from '../config';
import type { ErrorCode } from '../contract/errors';
import { chargeMaxMicros } from '../contract/limits';
import type { FormData } from '../contract/form';
import type { FormFault } from '../contract/model-choice';
import type { Money } from '../contract/money';
import type { ModelOption } from '../contract/options';
import type { VideoError } from '../contract/video';
import type { LanguageModel } from '../prompts/suggestion';

/** One model of a provider; `/api/options` shows it, and anything that it cannot do is refused before it is paid. */
export type VideoModel = ModelOption & {
  /** It takes an end frame although `end_image` is false, but not at its default resolution; `fault` says where. */
  end_image_elsewhere?: true;
  /** What the model cannot do of a form because of two fields together; null if nothing. */
  fault?: (form: FormData) => FormFault | null;
};

/** One attempt as a provider sees it, frozen when the click was accepted. */
export type VideoJob = {
  attempt_id: string;
  model: string;
  form_data: FormData;
  /** Null: the model's own. */
  resolution: string | null;
  /** Whether the video gets sound. */
  audio: boolean;
  /** The absolute path of the image on our disk. */
  imageFile: string;
  /** The absolute path of the image that the video must end on; null: it may end as it likes. */
  endImageFile: string | null;
  /** The result of the provider's `image`, in memory only; empty if the provider reads `imageFile` itself. */
  image: Buffer;
  /** The same of the end image; null without one. */
  endImage: Buffer | null;
  /** The result of `prepare`; stored before the paid request, so that a repetition sends the same. */
  prepared: unknown;
};

/** The provider's answer to a create. Anything else must be thrown, and its outcome counts as unknown. */
export type Submitted =
  | { state: 'accepted'; taskId: string; bound?: Money }
  /** Final: this request will never be accepted. */
  | { state: 'refused'; code: ErrorCode; reason: string; charged?: VideoError['charged'] }
  /** Certainly not accepted now, perhaps later: rate and concurrency limits. */
  | { state: 'not_accepted'; code: ErrorCode; reason: string; retryAfterMs?: number };

/**
 * The provider's answer about a task. Throw if there was no such answer, since that says nothing about the task. `bound` is the most
 * that the vendor will charge, `charge` what it did charge.
 */
export type Checked =
  | { state: 'queued' | 'running'; progress?: number | null; bound?: Money }
  /** Made and paid; `url` is null when the answer has no readable URL. */
  | { state: 'completed'; url: string | null; charge?: Money }
  /** From a provider on this machine: an mp4 that the engine moves. */
  | { state: 'completed'; file: string }
  | { state: 'failed'; code: ErrorCode; reason: string; charged: VideoError['charged']; charge?: Money }
  /** The provider has no such task: deleted, expired, or created with another account's key. */
  | { state: 'not_found'; reason: string };

/** The answer about a completed task, which stays completed even if its URL is invalid. */
export const completedAt = (url: unknown, charge?: Money): Checked => ({
  state: 'completed',
  url: z.url().safeParse(url).data ?? null,
  ...(charge && { charge }),
});

/** An amount of a vendor's bill in US dollars; undefined if it is no amount. */
export function usd(micros: number | null | undefined): Money | undefined {
  const rounded = Math.round(micros ?? -1);
  return rounded >= 0 && rounded <= chargeMaxMicros ? { currency: 'USD', micros: rounded } : undefined;
}

/** One video provider. Each `reason` goes to the log; people read our own sentence for the code. */
export type VideoProvider = {
  name: string;
  settings: Settings;
  models: VideoModel[];
  default_model: string;
  /** How the provider recognises a repeated create: by an idempotency key, by a lookup, or not at all. */
  deduplication: 'none' | 'key' | 'lookup';
  /** True when tasks cost nothing: its jobs have a queue of their own and are never charged. */
  isNoCharge?: boolean;
  /** Why it cannot work on this machine, as a sentence; null when it can. */
  problem?: () => string | null;
  /** Milliseconds between two checks, if less than VIDEO_POLL_INTERVAL_MS. */
  checkEveryMs?: number;
  /** Converts an image of the job to what the provider accepts, before the paid request, so that a bad file costs nothing. */
  image?: (imageFile: string, job: VideoJob) => Promise<Buffer>;
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
