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
   * The queues in which it waits, so that messages about the same thing are answered in order: that of its workspace, those of
   * all workspaces in its `workspace_ids`, that of its film, or that of its film's order.
   */
  queues: ('workspace' | 'each-of-workspace_ids' | 'film' | 'order')[];
  /** Whether messages that wait for the same workspace or film are handled together, and replied to in order. */
  coalesce?: true;
  handle: (input: Input, sender: Sender) => Promise<HandlerResult>;
};

/** The sender of a message, and the key that recognises a repetition. */
type Sender = {
  /** The connection, the same object for its whole life. */
  sender: object;
  /** The film that the connection belongs to. */
  filmId: string;
  /** The idempotency key; undefined if the message has no request_id. */
  key: string | undefined;
};

/** A message that checks its input before its handler runs; the shape of the table in `websocket/server.ts`. */
export type AnyMessage = Omit<Message<unknown>, 'handle'> & {
  run: (raw: Record<string, unknown>, sender: Omit<Sender, 'key'>) => Promise<HandlerResult>;
};

/** What a handler returns: the reply to the sender, and what is broadcast to the other sockets, or to all of them. */
export type HandlerResult = {
  reply: ServerMessage;
  /** The film whose sockets hear the broadcasts; null for all sockets. */
  filmId: string | null;
  toOthers?: ServerMessage;
  toAll?: ServerMessage;
  /** Broadcast to all of them after the reply, the sender too. */
  toAllAfter?: ServerMessage;
  /** Broadcast to the others if this is a repetition of a message that was stored, but answered with "send it again". */
  replayToOthers?: ServerMessage;
  /** The same for a broadcast to all of them, the sender too. */
  replayToAll?: ServerMessage;
  /** The film that has gone to the trash; its sockets are closed after the broadcasts. */
  endedFilmId?: string;
};

/** Adds the strict check of the input to a message, and makes its idempotency key. */
export function defineMessage<Input>({ handle, ...message }: Message<Input>): AnyMessage {
  return {
    ...message,
    run: (raw, sender) => {
      const input = parseInput(message.input, raw, `message ${message.type}`);
      return handle(input, { ...sender, key: idempotencyKey(message.type, raw.request_id as string | undefined) });
    },
  };
}

/** The idempotency key of a message: its type and its request_id; undefined without a request_id. */
export const idempotencyKey = (type: string, requestId: string | undefined): string | undefined =>
  requestId && `${type} ${requestId}`;
