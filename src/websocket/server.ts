import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { config } from '../config';
import { objectId, objectIdPattern, requestId, requestIdsKept, type ServerMessage } from '../contract';
import { isDatabaseConnected } from '../db/mongodb';
import { leaveOpen } from '../db/repetitions';
import { refusalOf } from '../utils/boundary';
import type { AnyMessage, Answer } from '../utils/define';
import { BoundedMap } from '../utils/bounded-map';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { push, send, serviceRestart, sockets } from '../utils/push';
import { createJoiningQueues } from '../utils/queue';
import { refuse } from '../utils/refuse';
import { createLane } from './lane';
import { workspaceChooseTake } from './workspace-choose-take';
import { workspaceCreate } from './workspace-create';
import { workspaceDelete } from './workspace-delete';
import { workspaceReorder } from './workspace-reorder';
import { workspaceRestore } from './workspace-restore';
import { workspaceUpdate } from './workspace-update';

/** Every message that a browser can send; each line is one file. */
export const messages: AnyMessage[] = [
  workspaceCreate,
  workspaceUpdate,
  workspaceDelete,
  workspaceRestore,
  workspaceReorder,
  workspaceChooseTake,
];

const maxFrameBytes = 256 * 1024;
const maxSockets = 256;
const maxUnanswered = 256;
/** Of one socket, messages that change the order: they wait for each other whoever sends them, and nobody may fill that queue. */
const maxBegunOfOrder = 4;
/** So many messages of one socket are begun before the others have a turn. */
const messagesPerTurn = 32;
/** So far below the 5 s after which a client sends again that it never meets silence, on a busy machine either. */
const answerWithinMs = 4000;
/** Far above what a healthy database needs for one message. */
const slowHandlerMs = 1000;
const drainWithinMs = 3000;
const closeWithinMs = 1000;
/** Errors after which a client sends the same message again. */
const sendAgainCodes = new Set<string>(['DATABASE_UNAVAILABLE', 'BUSY']);
const openMessagesKept = 10_000;
/** Half of what a workspace remembers, so that a repetition of what came just before is still known. */
const maxTogether = requestIdsKept / 2;
const orderQueue = 'order';
const binaryFrame = 1003;

type Client = {
  socket: WebSocket;
  isAlive: boolean;
  unanswered: number;
  lane: ReturnType<typeof createLane<Turn>>;
  /** Messages begun since the last rest. */
  begunInTurn: number;
  /** Frames that had already left the network buffer when reading was paused. */
  unread: string[];
};

/** Messages that were answered "send it again", and of which the others may not have been told. */
const openMessages = new BoundedMap<string, true>(openMessagesKept);

/** One message on its way to its answer. */
type Turn = {
  client: Client;
  text: string;
  /** Null where the text is no JSON object. */
  raw: Record<string, unknown> | null;
  givenType: string;
  message: AnyMessage | undefined;
  about: { request_id?: string; workspace_id?: string };
  queues: string[];
  /** Whether it changes the order. */
  isLimited: boolean;
  /** Called when it is answered and its handler has ended. */
  onDone: () => void;
  state: 'queued' | 'begun' | 'answered';
  timer: NodeJS.Timeout;
};

const byType = new Map(messages.map((message) => [message.type, message]));
const clients = new Set<Client>();
const inFlight = new Set<Promise<void>>();
/** The handlers at work, oldest first. */
const begun = new Set<{ atMs: number }>();
const queues = createJoiningQueues(answer, maxTogether);
const door = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  maxPayload: maxFrameBytes,
  perMessageDeflate: false,
});
let isStopping = false;

door.on('wsClientError', (cause, stream) => {
  refuse(stream, new AppError('INVALID_INPUT', 'The upgrade is not a WebSocket handshake of version 13.', { cause }));
});

/**
 * Opens a door for sockets on this HTTP server, at one path or at any; refused before the upgrade with a JSON error.
 * The path of `others` is left to another listener.
 */
export function openDoor(server: Server, path?: string, others?: string): void {
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    if (others && request.url?.split('?')[0] === others) return;
    stream.on('error', () => stream.destroy());
    // Such as h2c: whoever cannot switch to it answers as if nothing had been asked.
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') return answerPlainly(server, request, stream);
    const refusal = refusalOf(request) ?? refusalOfDoor(request, path);
    if (refusal) return refuse(stream, refusal);
    // A socket does not count among the connections for REST, or 256 tabs would shut it out.
    server.maxConnections++;
    stream.once('close', () => server.maxConnections--);
    door.handleUpgrade(request, stream, head, welcome);
  });
}

/** Pings every socket and ends those that did not answer the ping before; returns the function that stops it. */
export function startHeartbeat(): () => void {
  const timer = setInterval(() => {
    for (const client of clients) {
      // A socket that is not read because it sends too fast cannot show its pong.
      if (!client.isAlive && !client.socket.isPaused) client.socket.terminate();
      client.isAlive = false;
      client.socket.ping();
    }
  }, config.WS_HEARTBEAT_MS);
  return () => clearInterval(timer);
}

/** Finishes the messages that were received, then closes every socket with 1012. */
export async function closeSockets(): Promise<void> {
  isStopping = true;
  for (const { socket } of clients) socket.pause();
  await Promise.race([drain(), delay(drainWithinMs)]);
  const closed = [...clients].map(({ socket }) => {
    socket.resume();
    socket.close(serviceRestart, 'the server restarts');
    return new Promise((resolve) => socket.once('close', resolve));
  });
  await Promise.race([Promise.all(closed), delay(closeWithinMs)]);
  for (const { socket } of clients) socket.terminate();
}

/** An answer can make room for a message that was received and not yet taken. */
async function drain(): Promise<void> {
  while (inFlight.size > 0) await Promise.allSettled(inFlight);
}

function answerPlainly(server: Server, request: IncomingMessage, stream: Duplex): void {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(stream as Socket);
  // What else the peer sends belongs to no request, and one that keeps its half open would hold a stop for ever.
  stream.resume();
  response.on('finish', () => (stream as Socket).destroySoon());
  server.emit('request', request, response);
}

function refusalOfDoor(request: IncomingMessage, path?: string): AppError | null {
  if (path && request.url?.split('?')[0] !== path) {
    return new AppError('NOT_FOUND', `Sockets are served at ${path} on this port.`);
  }
  if (clients.size < maxSockets && !isStopping) return null;
  return new AppError('BUSY', 'The server takes no more sockets right now; try again later.');
}

function welcome(socket: WebSocket): void {
  const lane = createLane(maxBegunOfOrder, begin);
  const client: Client = { socket, isAlive: true, unanswered: 0, lane, begunInTurn: 0, unread: [] };
  clients.add(client);
  sockets.add(socket);
  socket.on('pong', () => (client.isAlive = true));
  socket.on('error', (error) => logger.warn('socket broke the protocol', { error }));
  socket.on('close', () => {
    clients.delete(client);
    sockets.delete(socket);
  });
  socket.on('message', (data, isBinary) => {
    if (isBinary) return socket.close(binaryFrame, 'text frames only');
    if (isStopping) return;
    client.unread.push((data as Buffer).toString());
    read(client);
  });
}

/** Takes messages while fewer than 256 are unanswered; beyond that the network holds the rest. */
function read(client: Client): void {
  const wasResting = isResting(client);
  while (client.unread.length > 0 && !isFull(client) && !isResting(client)) {
    client.begunInTurn++;
    const task: Promise<void> = queue(client, client.unread.shift()!).finally(() => inFlight.delete(task));
    inFlight.add(task);
  }
  // Refused messages are answered without waiting for anything, so that a flood of them would keep the event loop.
  if (isResting(client) && !wasResting) setImmediate(rest, client);
  if (isFull(client) || isResting(client)) client.socket.pause();
  else if (client.socket.isPaused && !isStopping) client.socket.resume();
}

const isFull = ({ unanswered }: Client): boolean => unanswered >= maxUnanswered;
const isResting = ({ begunInTurn }: Client): boolean => begunInTurn >= messagesPerTurn;

function rest(client: Client): void {
  client.begunInTurn = 0;
  read(client);
}

/** Takes a message up, in its lane and then in its queues; resolves when it is answered and its handler has ended. */
function queue(client: Client, text: string): Promise<void> {
  const raw = toObject(text);
  // An object without toString would throw in String().
  const givenType = typeof raw?.type === 'string' ? raw.type : '';
  const message = byType.get(givenType);
  const about = { request_id: validOr(requestId, raw?.request_id), workspace_id: validOr(objectId, raw?.workspace_id) };
  const queues = queuesOf(message, raw, about.workspace_id);
  const isLimited = queues.includes(orderQueue);
  client.unanswered++;
  return new Promise((onDone) => {
    const timer = setTimeout(() => replyError(turn, tooLate(turn)), answerWithinMs);
    const turn: Turn = {
      client,
      text,
      raw,
      givenType,
      message,
      about,
      queues,
      isLimited,
      onDone,
      state: 'queued',
      timer,
    };
    client.lane.add(turn);
  });
}

/** Does what is no message of a socket in its turn among those about a workspace, or about the order where none is named. */
export const inTurn = (workspaceId: string | null, work: () => Promise<void>): Promise<void> =>
  queues.run([workspaceId ?? orderQueue], work);

function begin(turn: Turn): void {
  void queues.add(turn.queues, turn, turn.message?.together === true).then(turn.onDone);
}

function queuesOf(message: AnyMessage | undefined, raw: Turn['raw'], workspaceId: string | undefined): string[] {
  const isListing = message?.queues.includes('listed') && Array.isArray(raw?.workspace_ids);
  const given: unknown[] = isListing ? (raw.workspace_ids as unknown[]) : [];
  const names = {
    workspace: workspaceId ? [workspaceId] : [],
    listed: given.filter((id): id is string => typeof id === 'string' && objectIdPattern.test(id)),
    order: [orderQueue],
  };
  return [...new Set((message?.queues ?? ['workspace']).flatMap((queue) => names[queue]))];
}

/** Answers messages whose turn has come, each exactly once and in their order. */
async function answer(turns: Turn[]): Promise<void> {
  const inTime = turns.filter(({ state }) => state === 'queued');
  for (const turn of inTime) turn.state = 'begun';
  const work = { atMs: performance.now() };
  begun.add(work);
  const results = await Promise.allSettled(inTime.map(handle));
  begun.delete(work);
  for (const [index, turn] of inTime.entries()) settle(turn, results[index]!);
}

async function handle({ client, raw, text, message }: Turn): Promise<Answer> {
  if (!raw) throw notAnObject(text);
  if (!message) {
    const known = [...byType.keys()].join(', ');
    throw new AppError('UNKNOWN_MESSAGE', `There is no message of this type; known are ${known}.`);
  }
  if (!isDatabaseConnected()) {
    throw new AppError(
      'DATABASE_UNAVAILABLE',
      'The database is unavailable; send the message again with the same request_id.',
    );
  }
  return message.run(raw, client);
}

/** Tells what came out; the one place that writes errors to a socket. */
function settle(turn: Turn, result: PromiseSettledResult<Answer>): void {
  try {
    if (result.status === 'rejected') throw result.reason;
    const { answer: confirm, again, againAll } = result.value;
    const wasOpen = openMessages.delete(nameOf(turn));
    const others = result.value.others ?? (wasOpen ? again : undefined);
    const all = result.value.all ?? (wasOpen ? againAll : undefined);
    if (all) push(all);
    const isInTime = reply(turn, confirm);
    // A sender that was told "unknown" learns of the change like everybody else.
    if (others) push(others, isInTime ? turn.client.socket : undefined);
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'INTERNAL') logger.error('message failed', { type: turn.givenType, error: thrown });
    replyError(turn, error);
  }
}

/** False when the message was answered before. */
function reply(turn: Turn, message: ServerMessage): boolean {
  if (turn.state === 'answered') return false;
  const { client, about } = turn;
  turn.state = 'answered';
  clearTimeout(turn.timer);
  const { type, ...fields } = message;
  send(client.socket, { type, ...(about.request_id && { request_id: about.request_id }), ...fields } as ServerMessage);
  client.unanswered--;
  if (client.lane.leave(turn) === 'waiting') turn.onDone();
  read(client);
  return true;
}

function replyError(turn: Turn, error: AppError): void {
  const { request_id: request, workspace_id: workspace } = turn.about;
  if (sendAgainCodes.has(error.code)) {
    if (request) openMessages.set(nameOf(turn), true);
    leaveOpen(workspace, request && `${turn.givenType} ${request}`);
  }
  reply(turn, { type: 'error', ...(workspace && { workspace_id: workspace }), ...error.body });
}

const nameOf = ({ givenType, about }: Turn): string => `${givenType} ${about.workspace_id} ${about.request_id}`;

function tooLate({ state }: Turn): AppError {
  if (state === 'begun' || !isDatabaseConnected() || isDatabaseSlow()) {
    const message = 'The database did not answer in time; send the message again with the same request_id.';
    return new AppError('DATABASE_UNAVAILABLE', message);
  }
  return new AppError('BUSY', 'The server is overloaded and nothing was stored; send the message again.');
}

function isDatabaseSlow(): boolean {
  const [oldest] = begun;
  return oldest !== undefined && performance.now() - oldest.atMs > slowHandlerMs;
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
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms).unref());
