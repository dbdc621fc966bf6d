import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { z } from 'zod';
import type { ErrorCode } from '../contract/errors';
import { parseInput } from './parse';

/** One REST endpoint: what it takes, what it gives and the function between. */
export type Endpoint<Body> = {
  method: 'get' | 'post';
  path: string;
  summary: string;
  /** The JSON body; an endpoint without it takes none. */
  body?: z.ZodType<Body>;
  /** The multipart field of the one file that the endpoint takes. */
  file?: string;
  reply: z.ZodType;
  status?: number;
  /** A status other than an error's under which the reply may travel too. */
  otherStatus?: number;
  errors: ErrorCode[];
  handle: (input: EndpointInput<Body>) => Promise<unknown>;
};

type EndpointInput<Body> = {
  body: Body;
  request: Request;
  /** Aborted when the client hangs up before the answer. */
  signal: AbortSignal;
};

/** An endpoint whose body is checked on the way in; the shape of the table in `server.ts`. */
export type AnyEndpoint = Omit<Endpoint<unknown>, 'handle'> & {
  run: (request: Request, signal: AbortSignal) => Promise<unknown>;
};

/** An answer with a status of its own, for the few endpoints that have more than one. */
export class Reply {
  constructor(
    readonly status: number,
    readonly body: unknown,
  ) {}
}

/** An answer that is JSON already, and its ETag, made of what tells it from others; whoever made it has checked it. */
export class JsonText {
  readonly etag: string;

  constructor(
    readonly text: string | Buffer,
    identity: string | Buffer = text,
  ) {
    this.etag = `W/"${createHash('sha1').update(identity).digest('base64url')}"`;
  }
}

/** Puts the strict check of the body before the handler of an endpoint file. */
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
