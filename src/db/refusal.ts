import { Schema } from 'mongoose';
import type { ErrorBody } from '../contract/errors';

/** A request to generate that was refused, and why, so that repeating it starts nothing. */
export type StoredRefusal = { request_id: string; error: ErrorBody };

const nested = { _id: false, strict: 'throw' } as const;

export const refusalSchema = new Schema(
  {
    request_id: String,
    error: new Schema({ code: String, message: String, details: Schema.Types.Mixed }, nested),
  } satisfies Record<keyof StoredRefusal, unknown>,
  nested,
);
