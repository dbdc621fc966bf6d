import { z } from 'zod';
import { errorBody } from './errors';
import { objectId, time } from './ids';
import { cost, money } from './money';

export const batchStatuses = ['running', 'completed', 'cancelled'] as const;
export const itemStates = ['waiting', 'generating', 'completed', 'failed', 'cancelled'] as const;

/** The shots of a film that are being made, one after the other or as many at a time as the server allows. */
export const batch = z.strictObject({
  _id: objectId,
  film_id: objectId,
  status: z.enum(batchStatuses),
  /** In the order of the film. */
  items: z.array(
    z.strictObject({
      workspace_id: objectId,
      /** Null until the shot was started. */
      attempt_id: z.string().nullable(),
      state: z.enum(itemStates),
      /** Why it failed or was cancelled. */
      reason: errorBody.nullable(),
    }),
  ),
  /** What its shots cost by the forms of the time when it was started. */
  estimate: z.array(money),
  created_at: time,
  /** When the last shot that was started has ended. */
  completed_at: time.nullable(),
});
export type Batch = z.infer<typeof batch>;

/** Which shots a batch takes: those without a clip that is up to date, those that failed, or all. */
export const batchChoices = ['changed', 'failed', 'all'] as const;

/** What a batch would do: the shots that it would make, and those that it cannot make. */
export const batchPreview = z.strictObject({
  ready: z.array(
    z.strictObject({
      workspace_id: objectId,
      provider: z.string(),
      model: z.string(),
      duration_s: z.int(),
      cost: cost.nullable(),
      /** The shot before, if its clip must be made first. */
      waits_for: objectId.nullable(),
    }),
  ),
  blocked: z.array(z.strictObject({ workspace_id: objectId, ...errorBody.shape })),
  estimate: z.array(money),
});
export type BatchPreview = z.infer<typeof batchPreview>;
