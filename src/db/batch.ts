import { model, Schema, trusted, type Types } from 'mongoose';
import { batchStatuses, itemStates, type Batch as WireBatch } from '../contract/batch';
import { currencies, type Cost } from '../contract/money';
import { costSchema, toJson } from './workspace';
import { schemaOptions } from './schema-options';

type WireItem = WireBatch['items'][number];

export type BatchItem = Omit<WireItem, 'state'> & {
  /** `starting`: its attempt is about to be stored, so that a cancellation of the batch leaves it to that. */
  state: WireItem['state'] | 'starting';
  /** The attempt of the shot before, not of this batch, for which it waits. */
  waits_for: string | null;
  /** The attempt of its video when the batch was planned: a later one was started at the same moment as the batch. */
  planned_over: string | null;
  /** What it was planned to cost, counted against the limits of other batches until it is reserved. */
  cost: Cost | null;
};

/** A batch as stored: the public fields, and those of the server only. */
export type StoredBatch = Omit<WireBatch, '_id' | 'film_id' | 'items' | 'created_at' | 'completed_at'> & {
  _id: Types.ObjectId;
  film_id: Types.ObjectId;
  items: BatchItem[];
  /** The shots that have not ended; no shot is open in two running batches. */
  open: string[];
  request_id?: string;
  accept_over_limit: boolean;
  accept_unknown_price: boolean;
  created_at: Date;
  completed_at: Date | null;
  /** The process that runs it. */
  lease: { owner: string; until: Date };
  /** Grows by 1 with each change, which is stored only if it is still the one that was read. */
  revision: number;
  /** The id of the last write, by which each server tells its own writes from those of others. */
  stored_by?: string;
};

const nested = { _id: false, strict: 'throw' } as const;
const text = { type: String, default: null };

const itemSchema = new Schema(
  {
    workspace_id: { type: String, required: true },
    attempt_id: text,
    state: { type: String, enum: [...itemStates, 'starting'], required: true },
    reason: { type: Schema.Types.Mixed, default: null },
    waits_for: text,
    planned_over: text,
    cost: { type: costSchema, default: null },
  } satisfies Record<keyof BatchItem, unknown>,
  nested,
);

const batchSchema = new Schema(
  {
    film_id: { type: Schema.Types.ObjectId, required: true },
    status: { type: String, enum: batchStatuses, required: true },
    items: { type: [itemSchema], required: true },
    open: { type: [String], required: true },
    request_id: String,
    estimate: {
      type: [new Schema({ currency: { type: String, enum: currencies }, micros: Number }, nested)],
      required: true,
    },
    accept_over_limit: { type: Boolean, default: false },
    accept_unknown_price: { type: Boolean, default: false },
    created_at: { type: Date, default: () => new Date() },
    completed_at: { type: Date, default: null },
    lease: { type: new Schema({ owner: String, until: Date }, nested), required: true },
    revision: { type: Number, default: 1 },
    stored_by: String,
  } satisfies Record<Exclude<keyof StoredBatch, '_id'>, unknown>,
  schemaOptions,
);

batchSchema.index({ film_id: 1, created_at: -1 });
batchSchema.index({ completed_at: 1 });
// The write that starts a batch is the write that decides whether its shots are free.
batchSchema.index({ open: 1 }, { unique: true, partialFilterExpression: { status: 'running' } });
batchSchema.index(
  { film_id: 1, request_id: 1 },
  { unique: true, partialFilterExpression: { request_id: { $exists: true } } },
);

/** The model of batches, with the field names of the wire. */
export const Batch = model<StoredBatch>('Batch', batchSchema as unknown as Schema<StoredBatch>);

/** Whether a shot waits for its turn in a running batch, or has it now and is not started yet. */
export const isWaitingInBatch = async (workspaceId: string): Promise<boolean> =>
  (await Batch.exists({
    status: 'running',
    open: workspaceId,
    items: trusted({
      $elemMatch: { workspace_id: workspaceId, state: { $in: ['waiting', 'starting'] } },
    }),
  })) !== null;

/** A batch as it goes over the wire. */
export function toWireBatch({ items, ...stored }: StoredBatch): WireBatch {
  const { _id, film_id, status, estimate, created_at, completed_at } = stored;
  // It may yet have to wait again, and what is shown never goes back.
  const starting = status === 'running' ? 'waiting' : 'generating';
  const shown = items.map(({ workspace_id, attempt_id, state, reason }) => ({
    workspace_id,
    attempt_id,
    state: state === 'starting' ? starting : state,
    reason,
  }));
  return toJson({ _id, film_id, status, items: shown, estimate, created_at, completed_at });
}
