import type { FormData } from '../contract/form';
import type { Cost } from '../contract/money';

/**
 * queued: not submitted · submitting: the create is in flight · polling: accepted, its state is polled ·
 * downloading: made, its file is being downloaded · timed_out, download_failed: failed for the user, but still rechecked ·
 * in_doubt: it is unknown whether it was accepted.
 */
export type JobState =
  'queued' | 'submitting' | 'polling' | 'downloading' | 'timed_out' | 'download_failed' | 'in_doubt';

/** The server's own record of one attempt, beside the public `video`; written in `generation/store.ts` and `clicks.ts` only. */
export type Job = {
  attempt_id: string;
  provider: string;
  model: string;
  /** As stored when the click was accepted: what it leaves empty is resolved in `model`, `resolution` and `audio`. */
  form_data: FormData;
  /** Null: the model's own. */
  resolution: string | null;
  audio: boolean;
  /** Null: it costs nothing, or the price is not known. */
  cost: Cost | null;
  /** Null until the attempt is sent, if it starts from the shot before. */
  image_path: string | null;
  /** Null without an end frame, and until the attempt is sent if that is the image of the shot after. */
  end_image_path: string | null;
  /** The take of the shot before whose frame was sent, and where in it; see `Video`. */
  from_attempt_id: string | null;
  from_s: number | null;
  state: JobState;
  task_id: string | null;
  /** The result of the provider's `prepare` as JSON, so that a repetition sends the same. */
  prepared: string | null;
  /** Creates sent for this attempt; more than one only if the provider recognises repetitions. */
  submit_attempts: number;
  intent_at: Date;
  sent_at: Date | null;
  accepted_at: Date | null;
  /** When the user cancelled the attempt, which is kept until its outcome is known. */
  cancelled_at: Date | null;
  /** Whether a user accepted a second charge while this attempt was in doubt. */
  risk_accepted: boolean;
  /** The id of the last stored step, by which a retry after a lost reply finds out whether it was stored. */
  step: string;
  lease: { owner: string; until: Date; epoch: number };
};

/** The states of a job that holds a slot, because its task runs or may run at the provider. */
export const slotStates: JobState[] = ['submitting', 'polling'];

/** The states of a job that this or another process still runs. */
export const activeStates: JobState[] = [...slotStates, 'queued', 'downloading', 'timed_out', 'download_failed'];

/** The states of a job whose clip is made and paid. */
export const madeStates: JobState[] = ['downloading', 'download_failed'];
