import type { FormData } from '../contract/form';

/**
 * queued: not sent · submitting: the answer to the paid create is out · polling: accepted, its state is asked for ·
 * downloading: made, its file is on the way · timed_out, download_failed: failed for the user, and asked for now and then ·
 * in_doubt: nobody knows whether it was accepted.
 */
export type JobState =
  'queued' | 'submitting' | 'polling' | 'downloading' | 'timed_out' | 'download_failed' | 'in_doubt';

/** What the server keeps of one attempt beside the public `video`; `generation/store.ts` alone writes it. */
export type Job = {
  attempt_id: string;
  provider: string;
  model: string;
  form_data: FormData;
  image_path: string;
  state: JobState;
  task_id: string | null;
  /** JSON of what the provider prepared, so that a repetition sends the same. */
  prepared: string | null;
  /** Creates sent for this attempt; more than one only where the provider recognises a repetition. */
  submit_attempts: number;
  intent_at: Date;
  sent_at: Date | null;
  accepted_at: Date | null;
  /** When the user wished the attempt away; it is kept until its fate is known. */
  cancelled_at: Date | null;
  /** Whether a user has accepted to pay a second time while this attempt was in doubt. */
  risk_accepted: boolean;
  /** The id of the last stored step: a step that is repeated after a lost answer finds its own and knows that it is done. */
  step: string;
  lease: { owner: string; until: Date; epoch: number };
};

/** The states of a job that holds a slot: what runs at the provider, or may. */
export const slotStates: JobState[] = ['submitting', 'polling'];

/** The states of a job that this or another process still brings forward. */
export const activeStates: JobState[] = [...slotStates, 'queued', 'downloading', 'timed_out', 'download_failed'];

/** The states of a job whose clip is made and paid. */
export const madeStates: JobState[] = ['downloading', 'download_failed'];
