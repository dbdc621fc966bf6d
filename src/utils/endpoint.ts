import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Request } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../contract/errors';
import { parseInput } from './parse';

/** One REST endpoint: its input, its reply and its handler. */
export type Endpoint<Body, Query> = {
  method: 'get' | 'post';
  path: string;
  summary: string;
  /** The parameters of the address; others are ignored. */
  query?: z.ZodObject & z.ZodType<Query>;
  /** The JSON body; an endpoint without it has none. */
  body?: z.ZodType<Body>;
  /** The multipart field of the single file that the endpoint accepts. */
  file?: string;
  /** The shape of the JSON; of a download, its media type. */
  reply: z.ZodType | 'application/zip';
  status?: number;
  /** A second status, not of an error, that the reply may have. */
  otherStatus?: number;
  errors: ErrorCode[];
  handle: (input: EndpointInput<Body, Query>) => Promise<unknown>;
};

type EndpointInput<Body, Query> = {
  body: Body;
  query: Query;
  request: Request;
  /** Aborted when the client hangs up before the reply. */
  signal: AbortSignal;
};

/** An endpoint that checks its body before its handler runs; the shape of the table in `server.ts`. */
export type AnyEndpoint = Omit<Endpoint<unknown, unknown>, 'handle'> & {
  run: (request: Request, signal: AbortSignal) => Promise<unknown>;
};

/** A reply with its own status, for the few endpoints that have more than one. */
export class Reply {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

/** A reply that is a file, sent at the pace of the client. */
export class Download {
  constructor(
    readonly fileName: string,
    readonly size: number,
    readonly stream: Readable,
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

/** Adds the strict check of body and address to an endpoint. */
export function defineEndpoint<Body = undefined, Query = undefined>({
  handle,
  ...endpoint
}: Endpoint<Body, Query>): AnyEndpoint {
  const { body: shape, query: queryShape } = endpoint;
  return {
    ...endpoint,
    run: (request, signal) => {
      const body = shape ? parseInput(shape, request.body, 'body') : (undefined as Body);
      const query = queryShape ? parseInput(queryShape, request.query, 'address') : (undefined as Query);
      return handle({ body, query, request, signal });
    },
  };
}
