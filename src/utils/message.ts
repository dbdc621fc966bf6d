import type { z } from 'zod';
import type { ServerMessage } from '../contract/messages';
import { parseInput } from './parse';

/** One message from a browser: its shape, its queues and its handler. */
export type Message<Input> = {
  type: string;
  summary: string;
  input: z.ZodObject & z.ZodType<Input>;
  reply: ServerMessage['type'];
  /**
   * The queues in which it waits, so that replies about one thing keep the order of the messages: that of its workspace, of
   * each workspace in its `workspace_ids`, or of the order.
   */
  queues: ('workspace' | 'each-of-workspace_ids' | 'order')[];
  /** Whether messages that wait for the same workspace are handled together, and replied to in order. */
  coalesce?: true;
  handle: (input: Input, sender: Sender) => Promise<HandlerResult>;
};

/** The sender of a message, and the key that recognises a repetition. */
type Sender = {
  /** The connection, the same object for its whole life. */
  author: object;
  /** The idempotency key; undefined if the message has no request_id. */
  key: string | undefined;
};

/** A message that checks its input before its handler runs; the shape of the table in `websocket/server.ts`. */
export type AnyMessage = Omit<Message<unknown>, 'handle'> & {
  run: (raw: Record<string, unknown>, author: object) => Promise<HandlerResult>;
};

/** What a handler returns: the reply to the sender, and what is broadcast to the other sockets, or to all of them. */
export type HandlerResult = {
  reply: ServerMessage;
  toOthers?: ServerMessage;
  toAll?: ServerMessage;
  /** Broadcast to all of them after the reply, the sender too. */
  toAllAfter?: ServerMessage;
  /** Broadcast to the others if the message was applied before but its first sending was answered with "send it again". */
  replayToOthers?: ServerMessage;
  /** The same for a broadcast to all of them, the sender too. */
  replayToAll?: ServerMessage;
};

/** Adds the strict check of the input to a message, and makes its idempotency key. */
export function defineMessage<Input>({ handle, ...message }: Message<Input>): AnyMessage {
  return {
    ...message,
    run: (raw, author) => {
      const input = parseInput(message.input, raw, `message ${message.type}`);
      return handle(input, { author, key: idempotencyKey(message.type, raw.request_id as string | undefined) });
    },
  };
}

/** The idempotency key of a message: its type and its request_id; undefined without a request_id. */
export const idempotencyKey = (type: string, requestId: string | undefined): string | undefined =>
  requestId && `${type} ${requestId}`;
