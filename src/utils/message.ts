import type { z } from 'zod';
import type { ServerMessage } from '../contract/messages';
import { parseInput } from './parse';

/** One message from a browser: its shape, what it waits for, and the function that stores it and returns the reply. */
export type Message<Input> = {
  type: string;
  summary: string;
  input: z.ZodObject & z.ZodType<Input>;
  reply: ServerMessage['type'];
  /**
   * What the message waits behind, so that replies about one thing keep the order of the messages: others about its workspace,
   * about each workspace in its `workspace_ids`, or about the order of all.
   */
  queues: ('workspace' | 'each-of-workspace_ids' | 'order')[];
  /** Whether those that wait for one workspace are handled in one go, and replied to in their order. */
  coalesce?: true;
  handle: (input: Input, sender: Sender) => Promise<HandlerResult>;
};

/** Who sent a message, and what recognises it when it comes again. */
type Sender = {
  /** The connection, the same object as long as it lasts. */
  author: object;
  /** The idempotency key; undefined where the message has no request_id. */
  key: string | undefined;
};

/** A message whose input is checked on the way in; the shape of the table in `websocket/server.ts`. */
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
  /** Broadcast to the others where the message was applied before, and its first sending was answered "send it again". */
  replayToOthers?: ServerMessage;
  /** The same for a broadcast to all of them, the sender too. */
  replayToAll?: ServerMessage;
};

/** Puts the strict check of the input before the handler of a message file, and makes the key by which it is recognised. */
export function defineMessage<Input>({ handle, ...message }: Message<Input>): AnyMessage {
  return {
    ...message,
    run: (raw, author) => {
      const input = parseInput(message.input, raw, `message ${message.type}`);
      return handle(input, { author, key: idempotencyKey(message.type, raw.request_id as string | undefined) });
    },
  };
}

/** What recognises a message that comes again: its type and its request_id; undefined without one. */
export const idempotencyKey = (type: string, requestId: string | undefined): string | undefined =>
  requestId && `${type} ${requestId}`;
