import type { WebSocket } from 'ws';
import { objectId, objectIdPattern, requestId } from '../contract/ids';
import type { ServerMessage } from '../contract/messages';
import { isDatabaseConnected } from '../db/mongodb';
import { BoundedMap } from '../utils/bounded-map';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { idempotencyKey, type AnyMessage, type HandlerResult } from '../utils/message';
import { endFilm, push, send, type SocketFilm } from '../utils/push';
import { createBatchingQueues } from '../utils/queue';
import { defaultFilm } from '../db/find-films';
import { findSeen, markUnresolved } from '../db/repetitions';
import { filmCreate } from './film-create';
import { filmDelete } from './film-delete';
import { filmDuplicate } from './film-duplicate';
import { filmRestore } from './film-restore';
import { filmUpdate } from './film-update';
import { createLane } from './lane';
import { workspaceChooseTake } from './workspace-choose-take';
import { workspaceCreate } from './workspace-create';
import { workspaceDelete } from './workspace-delete';
import { workspaceDismiss } from './workspace-dismiss';
import { workspaceReorder } from './workspace-reorder';
import { workspaceRestore } from './workspace-restore';
import { workspaceUpdate } from './workspace-update';

/** Every message that a browser can send, one file each. */
export const messages: AnyMessage[] = [
  workspaceCreate,
  workspaceUpdate,
  workspaceDelete,
  workspaceRestore,
  workspaceReorder,
  workspaceChooseTake,
  workspaceDismiss,
  filmCreate,
  filmUpdate,
  filmDelete,
  filmRestore,
  filmDuplicate,
];

/** How many messages of one socket may wait in the order queue, which all sockets of a film share and none may fill. */
const maxStartedOfOrder = 4;
/** Below the 5 s after which a client sends again, with a margin for a busy machine, so that the reply always comes first. */
const replyWithinMs = 4000;
/** Far longer than a healthy database needs for one message. */
const slowHandlerMs = 1000;
/** Errors after which a client retries the message. */
const retryCodes = new Set<string>(['DATABASE_UNAVAILABLE', 'BUSY']);
const unresolvedKept = 10_000;
/** Far fewer than the keys that a workspace remembers, so that a repetition of a recent message is still recognised. */
const maxBatch = 32;
const orderQueue = 'order';

/** The messages of one socket. */
export type Session = {
  /** Processes one message; resolves when it is answered and its handler has ended. `onAnswered` is called on its reply. */
  receive: (text: string, onAnswered: () => void) => Promise<void>;
};

/** One message on its way to its reply. */
type PendingMessage = {
  socket: WebSocket;
  of: SocketFilm;
  lane: ReturnType<typeof createLane<PendingMessage>>;
  text: string;
  /** Null when the text is not a JSON object. */
  raw: Record<string, unknown> | null;
  givenType: string;
  message: AnyMessage | undefined;
  about: { request_id?: string; workspace_id?: string; film_id?: string };
  queues: string[];
  /** Whether it changes the order. */
  isLimited: boolean;
  onAnswered: () => void;
  /** Called once it is answered and its handler has ended. */
  onDone: () => void;
  state: 'queued' | 'started' | 'answered';
  timer?: NodeJS.Timeout;
};

const byType = new Map(messages.map((message) => [message.type, message]));
/** Messages answered with "send it again", which may have been stored without a broadcast. */
const unresolved = new BoundedMap<string, true>(unresolvedKept);
/** The running handlers, oldest first. */
const running = new Set<{ sinceMs: number }>();
const queues = createBatchingQueues(runBatch, maxBatch);

/** Answers the messages of one socket, each exactly once, and those about the same thing in order. */
export function createSession(socket: WebSocket, of: SocketFilm): Session {
  const lane = createLane<PendingMessage>(maxStartedOfOrder, enqueue);
  return {
    receive: (text, onAnswered) =>
      new Promise((onDone) => {
        const pending = toPending(text, { socket, of, lane, onAnswered, onDone });
        pending.timer = setTimeout(() => replyError(pending, timeoutError(pending)), replyWithinMs);
        lane.add(pending);
      }),
  };
}

type FromSocket = Pick<PendingMessage, 'socket' | 'of' | 'lane' | 'onAnswered' | 'onDone'>;

function toPending(text: string, from: FromSocket): PendingMessage {
  const raw = toObject(text);
  // String() would throw for an object without toString.
  const givenType = typeof raw?.type === 'string' ? raw.type : '';
  const message = byType.get(givenType);
  const about = {
    request_id: validOr(requestId, raw?.request_id),
    workspace_id: validOr(objectId, raw?.workspace_id),
    film_id: validOr(objectId, raw?.film_id),
  };
  const queues = queuesOf(message, raw, about, from.of);
  const isLimited = message?.queues.includes('order') === true;
  return { ...from, text, raw, givenType, message, about, queues, isLimited, state: 'queued' };
}

/** Runs other work in order with the messages about a workspace or a film. */
export const runInOrder = (documentId: string, work: () => Promise<void>): Promise<void> =>
  queues.run([documentId], work);

/** Runs other work in order with the messages about the order of a film. */
export const runInOrderOf = (filmId: string, work: () => Promise<void>): Promise<void> =>
  queues.run([orderQueueOf(filmId)], work);

const orderQueueOf = (filmId: string | null): string => `${orderQueue} ${filmId}`;

function enqueue(pending: PendingMessage): void {
  void queues.add(pending.queues, pending, pending.message?.coalesce === true).then(pending.onDone);
}

function queuesOf(
  message: AnyMessage | undefined,
  raw: PendingMessage['raw'],
  { workspace_id: workspaceId, film_id: filmId }: PendingMessage['about'],
  of: SocketFilm,
): string[] {
  const isListing = message?.queues.includes('each-of-workspace_ids') && Array.isArray(raw?.workspace_ids);
  const given: unknown[] = isListing ? (raw.workspace_ids as unknown[]) : [];
  const names = {
    workspace: workspaceId ? [workspaceId] : [],
    'each-of-workspace_ids': given.filter((id): id is string => typeof id === 'string' && objectIdPattern.test(id)),
    film: [filmId, validOr(objectId, raw?.new_film_id)].filter((id) => id !== undefined),
    order: [orderQueueOf(filmId ?? filmOf(workspaceId) ?? of.filmId)],
  };
  return [...new Set((message?.queues ?? ['workspace']).flatMap((queue) => names[queue]))];
}

const filmOf = (workspaceId: string | undefined): string | null | undefined =>
  workspaceId === undefined ? undefined : findSeen(workspaceId)?.filmId;

/** Handles the messages of one batch, and replies to each exactly once, in order. */
async function runBatch(batch: PendingMessage[]): Promise<void> {
  const inTime = batch.filter(({ state }) => state === 'queued');
  for (const pending of inTime) pending.state = 'started';
  const work = { sinceMs: performance.now() };
  running.add(work);
  const results = await Promise.allSettled(inTime.map(handle));
  running.delete(work);
  for (const [index, pending] of inTime.entries()) settle(pending, results[index]!);
}

async function handle({ socket, of, raw, text, message }: PendingMessage): Promise<HandlerResult> {
  if (!raw) throw notAnObject(text);
  if (!message) {
    const known = [...byType.keys()].join(', ');
    throw new AppError('UNKNOWN_MESSAGE', `There is no message of this type; the known types are ${known}.`);
  }
  if (!isDatabaseConnected()) {
    throw new AppError(
      'DATABASE_UNAVAILABLE',
      'The database is unavailable; send the message again with the same request_id.',
    );
  }
  const filmId = (of.filmId ??= String((await defaultFilm())._id));
  return message.run(raw, { sender: socket, filmId });
}

/** Replies and broadcasts; the one place that writes errors to a socket. */
function settle(pending: PendingMessage, result: PromiseSettledResult<HandlerResult>): void {
  try {
    if (result.status === 'rejected') throw result.reason;
    const { reply: confirm, filmId, toAllAfter, replayToOthers, replayToAll, endedFilmId } = result.value;
    const wasUnresolved = unresolved.delete(unresolvedKey(pending));
    const toOthers = result.value.toOthers ?? (wasUnresolved ? replayToOthers : undefined);
    const toAll = result.value.toAll ?? (wasUnresolved ? replayToAll : undefined);
    if (toAll) push(filmId, toAll);
    const isInTime = reply(pending, confirm);
    // A sender that got an error instead needs the broadcast too.
    if (toOthers) push(filmId, toOthers, isInTime ? pending.socket : undefined);
    if (toAllAfter) push(filmId, toAllAfter);
    if (endedFilmId) endFilm(endedFilmId);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'INTERNAL') logger.error('message failed', { type: pending.givenType, error: thrown });
    replyError(pending, error);
  }
}

/** Replies once; false when the message has already been answered. */
function reply(pending: PendingMessage, message: ServerMessage): boolean {
  if (pending.state === 'answered') return false;
  const { socket, lane, about } = pending;
  pending.state = 'answered';
  clearTimeout(pending.timer);
  const { type, ...fields } = message;
  send(socket, { type, ...(about.request_id && { request_id: about.request_id }), ...fields } as ServerMessage);
  if (lane.remove(pending) === 'waiting') pending.onDone();
  pending.onAnswered();
  return true;
}

function replyError(pending: PendingMessage, error: AppError): void {
  const { request_id: request, workspace_id: workspace, film_id: film } = pending.about;
  if (retryCodes.has(error.code)) {
    if (request) unresolved.set(unresolvedKey(pending), true);
    markUnresolved(workspace ?? film ?? pending.of.filmId, idempotencyKey(pending.givenType, request));
  }
  const filmId = error.filmId ?? film;
  const about = { ...(workspace && { workspace_id: workspace }), ...(filmId && { film_id: filmId }) };
  reply(pending, { type: 'error', ...about, ...error.body });
}

const unresolvedKey = ({ givenType, about }: PendingMessage): string =>
  `${about.workspace_id ?? about.film_id} ${idempotencyKey(givenType, about.request_id)}`;

function timeoutError({ state }: PendingMessage): AppError {
  if (state === 'started' || !isDatabaseConnected() || isDatabaseSlow()) {
    const message = 'The database did not answer in time; send the message again with the same request_id.';
    return new AppError('DATABASE_UNAVAILABLE', message);
  }
  return new AppError('BUSY', 'The server is overloaded and nothing was stored; send the message again.');
}

function isDatabaseSlow(): boolean {
  const [oldest] = running;
  return oldest !== undefined && performance.now() - oldest.sinceMs > slowHandlerMs;
}

function notAnObject(text: string): AppError {
  try {
    JSON.parse(text);
  } catch (cause) {
    return new AppError('INVALID_JSON', 'The frame is not valid JSON; send one JSON object.', { cause });
  }
  return new AppError('INVALID_INPUT', 'A message must be one JSON object with a "type".');
}

function toObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

const validOr = (shape: typeof objectId, value: unknown): string | undefined => shape.safeParse(value).data;
