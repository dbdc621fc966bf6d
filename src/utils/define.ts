import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { z } from 'zod';
import type { AspectRatio, ErrorCode, FormData, ServerMessage, VideoError } from '../contract';
import type { Settings } from '../config';
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

export type EndpointInput<Body> = {
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

/** An answer that is JSON already, and its ETag; whoever made it has checked it. */
export class JsonText {
  readonly etag: string;

  constructor(readonly text: string | Buffer) {
    this.etag = `W/"${createHash('sha1').update(text).digest('base64url')}"`;
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

/** One message from a browser: its shape, whose turn it takes, and the function that stores it and returns the answer. */
export type Message<Input> = {
  type: string;
  summary: string;
  input: z.ZodObject & z.ZodType<Input>;
  answer: ServerMessage['type'];
  /**
   * Whose turn the message waits for, so that answers about one thing keep the order of the messages: that of the workspace
   * it is about, that of every workspace in its `workspace_ids`, or that of the order of all.
   */
  queues: ('workspace' | 'listed' | 'order')[];
  /** Whether those that wait for one workspace are handled at once, and answered in their order. */
  together?: true;
  handle: (input: Input) => Promise<Answer>;
};

/** A message whose input is checked on the way in; the shape of the table in `websocket/server.ts`. */
export type AnyMessage = Omit<Message<unknown>, 'handle'> & { run: (raw: unknown) => Promise<Answer> };

/** What a handler returns: the answer to the sender, and what the other sockets (or all of them) are told. */
export type Answer = {
  answer: ServerMessage;
  others?: ServerMessage;
  all?: ServerMessage;
  /** What a message that was applied before tells the others in case it was answered "send it again" then. */
  again?: ServerMessage;
};

/** Puts the strict check of the input before the handler of a message file. */
export function defineMessage<Input>({ handle, ...message }: Message<Input>): AnyMessage {
  return { ...message, run: (raw) => handle(parseInput(message.input, raw, `message ${message.type}`)) };
}

/** What a video provider can do; `/api/options` shows it and the engine refuses the rest before anything is paid. */
export type VideoCapabilities = {
  durations_s: number[];
  aspect_ratios: AspectRatio[];
  /** The longest prompt in UTF-16 units. */
  prompt_max: number;
  prompt_required: boolean;
  negative_prompt: boolean;
  seed: boolean;
  cancel: boolean;
  /** How a second create of one attempt is told from a new one: by a repeatable key, by asking for it, or not at all. */
  deduplication: 'none' | 'key' | 'lookup';
};

/** One attempt as a provider sees it: what was frozen when the click was accepted. */
export type VideoJob = {
  attempt_id: string;
  model: string;
  form_data: FormData;
  /** The picture on our disk, as an absolute path. */
  imageFile: string;
  /** What `picture` made of it, in memory only; empty for a provider that reads `imageFile` itself. */
  picture: Buffer;
  /** What `prepare` returned; stored before the paid request, so that a repetition sends the same. */
  prepared: unknown;
};

/** The provider's answer to a create. Anything else must be thrown, and counts as "nobody knows". */
export type Submitted =
  | { state: 'accepted'; taskId: string }
  /** Final: this request will never be taken. */
  | { state: 'refused'; code: ErrorCode; reason: string; charged?: VideoError['charged'] }
  /** Certainly not taken, later perhaps: rate and concurrency limits. */
  | { state: 'not_accepted'; code: ErrorCode; reason: string; retryAfterMs?: number };

/** The provider's answer about a task. A request that got no such answer must be thrown: it says nothing about the task. */
export type Checked =
  | { state: 'queued' | 'running'; progress?: number | null }
  | { state: 'completed'; url: string }
  /** For a provider on this machine: an mp4 that the engine moves away. */
  | { state: 'completed'; file: string }
  | { state: 'failed'; code: ErrorCode; reason: string; charged: VideoError['charged'] };

/** One video provider. `reason` goes to the log; people read our own sentence for the code. */
export type VideoProvider = {
  name: string;
  settings: Settings;
  model: string;
  capabilities: VideoCapabilities;
  /** True where a task costs nothing: its jobs queue apart from the paid ones, and none of them is ever charged. */
  isFree?: boolean;
  /** Milliseconds between two checks, where that may be less than VIDEO_POLL_INTERVAL_MS. */
  checkEveryMs?: number;
  /** The picture in the shape that the provider takes; made before the paid request, so that a bad file costs nothing. */
  picture?: (job: VideoJob) => Promise<Buffer>;
  /** Free preparation before the paid request, such as an upload; its JSON result is stored as `job.prepared`. */
  prepare?: (job: VideoJob, signal: AbortSignal) => Promise<unknown>;
  submit: (job: VideoJob, signal: AbortSignal) => Promise<Submitted>;
  check: (taskId: string, signal: AbortSignal) => Promise<Checked>;
  cancel?: (taskId: string, signal: AbortSignal) => Promise<void>;
  /** Finds the task of an attempt whose answer was lost; null when the provider has none. */
  lookup?: (attemptId: string, signal: AbortSignal) => Promise<string | null>;
};

/** Names the shape of a `services/video-*.ts` file; changes nothing. */
export const defineVideoProvider = (provider: VideoProvider): VideoProvider => provider;

/** One turn with a language model: the rules, the turns before, and the question with its picture. */
export type LlmRequest = {
  system: string;
  history: { user: string; assistant: string }[];
  question: string;
  /** A JPEG of at most 1568 px; null when the workspace has no picture. */
  imageJpeg: Buffer | null;
  /** JSON schema of the wanted reply `{message, patch}`. */
  schema: Record<string, unknown>;
  /** The user's own words and the form, for a provider that works by rules. */
  message: string;
  form_data: FormData;
};

/** What the model said, as text that ought to hold the JSON of the schema. */
export type LlmReply = { text: string; model: string };

/** One language model provider. */
export type LlmProvider = {
  name: string;
  settings: Settings;
  model: string;
  suggest: (request: LlmRequest, signal: AbortSignal) => Promise<LlmReply>;
};

/** Names the shape of a `services/llm-*.ts` file; changes nothing. */
export const defineLlmProvider = (provider: LlmProvider): LlmProvider => provider;
