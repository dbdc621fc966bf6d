import type { FormData } from '../contract/form';

/**
 * queued: not submitted · submitting: the create is in flight · polling: accepted, its state is polled ·
 * downloading: made, its file is being downloaded · timed_out, download_failed: failed for the user, but still rechecked ·
 * in_doubt: it is unknown whether it was accepted.
 */
export type JobState =
  'queued' | 'submitting' | 'polling' | 'downloading' | 'timed_out' | 'download_failed' | 'in_doubt';

/** The server's state of one attempt beside the public `video`; written in `generation/store.ts` and `clicks.ts` only. */
export type Job = {
  attempt_id: string;
  provider: string;
  model: string;
  form_data: FormData;
  image_path: string;
  state: JobState;
  task_id: string | null;
  /** The provider's preparation as JSON, so that a repetition sends the same. */
  prepared: string | null;
  /** Creates sent for this attempt; more than one only if the provider recognises repetitions. */
  submit_attempts: number;
  intent_at: Date;
  sent_at: Date | null;
  accepted_at: Date | null;
  /** When the user cancelled the attempt, which is kept until its fate is known. */
  cancelled_at: Date | null;
  /** Whether a user accepted a second charge while this attempt was in doubt. */
  risk_accepted: boolean;
  /** The id of the last stored step, by which a step retried after a lost reply finds that it is done. */
  step: string;
  lease: { owner: string; until: Date; epoch: number };
};

/** The states of a job that holds a slot, because its task runs or may run at the provider. */
export const slotStates: JobState[] = ['submitting', 'polling'];

/** The states of a job that this or another process still runs. */
export const activeStates: JobState[] = [...slotStates, 'queued', 'downloading', 'timed_out', 'download_failed'];

/** The states of a job whose clip is made and paid. */
export const madeStates: JobState[] = ['downloading', 'download_failed'];
