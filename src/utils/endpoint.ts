import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../contract/errors';
import { parseInput } from './parse';

/** One REST endpoint: its input, its reply and its handler. */
export type Endpoint<Body> = {
  method: 'get' | 'post';
  path: string;
  summary: string;
  /** The JSON body; an endpoint without it has none. */
  body?: z.ZodType<Body>;
  /** The multipart field of the single file that the endpoint accepts. */
  file?: string;
  reply: z.ZodType;
  status?: number;
  /** A second status, not of an error, that the reply may have. */
  otherStatus?: number;
  errors: ErrorCode[];
  handle: (input: EndpointInput<Body>) => Promise<unknown>;
};

type EndpointInput<Body> = {
  body: Body;
  request: Request;
  /** Aborted when the client hangs up before the reply. */
  signal: AbortSignal;
};

/** An endpoint that checks its body before its handler runs; the shape of the table in `server.ts`. */
export type AnyEndpoint = Omit<Endpoint<unknown>, 'handle'> & {
  run: (request: Request, signal: AbortSignal) => Promise<unknown>;
};

/** A reply with its own status, for the few endpoints that have more than one. */
export class Reply {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

/** A reply that is already serialized and checked, with an ETag made from its identity. */
export class JsonText {
  readonly etag: string;

  constructor(
    readonly text: string | Buffer,
    identity: string | Buffer = text,
  ) {
    this.etag = `W/"${createHash('sha1').update(identity).digest('base64url')}"`;
  }
}

/** Adds the strict check of the body to an endpoint. */
export function defineEndpoint<Body = undefined>({ handle, ...endpoint }: Endpoint<Body>): AnyEndpoint {
  const { body: shape } = endpoint;
  return {
    ...endpoint,
    run: (request, signal) => {
      const body = shape ? parseInput(shape, request.body, 'body') : (undefined as Body);
      return handle({ body, request, signal });
    },
  };
}
