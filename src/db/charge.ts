import { model, Schema, type Types } from 'mongoose';
import { chargeStates, type Charge as WireCharge } from '../contract/money';
import { isDuplicateKey } from './mongodb';
import { schemaOptions } from './schema-options';
import { costSchema, toJson } from './workspace';

/** A charge as stored: the public fields, and those of the server only. */
export type StoredCharge = Omit<WireCharge, 'workspace_id' | 'film_id' | 'started_at' | 'settled_at'> & {
  workspace_id: Types.ObjectId | string;
  film_id: Types.ObjectId | string;
  started_at: Date;
  settled_at: Date | null;
  /** The process that reserved it. */
  owner: string;
  /** The lease under which its attempt last changed it; a process with an older one changes nothing. */
  epoch: number;
};

/** The single document whose write decides about the next charge. */
type StoredSpend = {
  _id: string;
  /** The newest charge, which the next decision copies to the charges before it replaces it. */
  latest: StoredCharge | null;
};

const nested = { _id: false, strict: 'throw' } as const;
const chargeFields = {
  attempt_id: { type: String, required: true },
  workspace_id: { type: Schema.Types.ObjectId, required: true },
  film_id: { type: Schema.Types.ObjectId, required: true },
  provider: String,
  model: String,
  state: { type: String, enum: chargeStates, required: true },
  cost: { type: costSchema, default: null },
  accept_over_limit: { type: Boolean, default: false },
  accept_unknown_price: { type: Boolean, default: false },
  started_at: { type: Date, required: true },
  settled_at: { type: Date, default: null },
  owner: String,
  epoch: Number,
} satisfies Record<keyof StoredCharge, unknown>;

const chargeSchema = new Schema(chargeFields, schemaOptions);
chargeSchema.index({ attempt_id: 1 }, { unique: true });
chargeSchema.index({ started_at: -1 }, { unique: true });
chargeSchema.index({ film_id: 1, started_at: -1 });
chargeSchema.index({ state: 1, started_at: -1 });

/** The model of charges, which outlive the shots, the takes and the films that they were for. */
export const Charge = model<StoredCharge>('Charge', chargeSchema as unknown as Schema<StoredCharge>);

export const Spend = model<StoredSpend>(
  'Spend',
  new Schema({ _id: String, latest: { type: new Schema(chargeFields, nested), default: null } }, schemaOptions),
  'spend',
);

/** Adds a charge unless its attempt has one; of two with the same time, the later one gets the next millisecond. */
export async function addCharge(charge: StoredCharge): Promise<void> {
  for (let time = charge.started_at.getTime(); ; time++) {
    try {
      const fields = { ...charge, started_at: new Date(time) };
      await Charge.updateOne({ attempt_id: charge.attempt_id }, { $setOnInsert: fields }, { upsert: true });
      return;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }
}

/** A charge as it goes over the wire. */
export const toWireCharge = ({ attempt_id, workspace_id, film_id, provider, model: id, ...rest }: StoredCharge) => {
  const { state, cost, accept_over_limit, accept_unknown_price, started_at, settled_at } = rest;
  const flags = { accept_over_limit, accept_unknown_price, started_at, settled_at };
  return toJson<WireCharge>({ attempt_id, workspace_id, film_id, provider, model: id, state, cost, ...flags });
};
