import mongoose from 'mongoose';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import type { Rule } from '../doubles/double';
import type { StartedDouble } from '../doubles/start-double';
import {
  click as clickAt,
  isFinal,
  load,
  newWorkspace,
  nextVideo,
  resetDoubles,
  startDoubles,
  stopDoubles,
} from './generating';
import { settingsFor, uploadPicture, type Doubles, type Vendor } from './generating';
import { freshDatabase, startServer, type Answer, type TestServer } from './server';
import { connect, type TestSocket } from './socket';

export type Scripted = Pick<Rule, 'status' | 'headers' | 'body'>;

const pikaFault = (code: string) => ({ id: 'media_none', status: 'failed', error: { code, message: 'no' } });

/** The same story in the words of each vendor. */
export const words: Record<Vendor, Record<'invalid' | 'moderated' | 'quota' | 'busy' | 'odd', Scripted>> = {
  runway: {
    invalid: { status: 400, body: { error: 'Validation of body failed', issues: [] } },
    moderated: { status: 400, body: { error: 'Refused.', failureCode: 'SAFETY.INPUT.TEXT' } },
    quota: { status: 400, body: { error: 'You do not have enough credits to run this task.' } },
    busy: { status: 429, body: { error: 'Daily task limit reached.' } },
    odd: { status: 200, body: { id: 'ID', status: 'POLISHING' } },
  },
  pika: {
    invalid: { status: 422, body: { message: 'image: is not an image' } },
    moderated: { status: 422, body: pikaFault('content_moderation') },
    quota: { status: 402, body: pikaFault('insufficient_balance') },
    busy: { status: 429, body: { message: 'Too many requests' } },
    odd: { status: 200, body: { id: 'ID', status: 'polishing', output: null, error: null } },
  },
  kling: {
    invalid: { status: 400, body: { code: 1201, message: 'image format must be jpg or png' } },
    moderated: { status: 400, body: { code: 1301, message: 'content safety' } },
    quota: { status: 429, body: { code: 1102, message: 'resource pack used up' } },
    busy: { status: 429, body: { code: 1302, message: 'too fast' } },
    odd: { status: 200, body: { code: 0, message: 'SUCCEED', data: [{ id: 'ID', status: 'polishing' }] } },
  },
};

const timeoutMs = 3000;
const settings = {
  VIDEO_TIMEOUT_MS: String(timeoutMs),
  VIDEO_MAX_CONCURRENT: '2',
  MONGODB_URI: freshDatabase(),
};

/** The server of a test file, a socket of it, and the vendors that it asks. */
export let doubles: Doubles;
export let server: TestServer;
export let socket: TestSocket;
let imagePath: string;
/** What every click was answered. */
export const answers: Answer[] = [];

/** Starts the vendors and the server before the tests of a file, and stops them after these. */
export function useVendors(): void {
  beforeAll(async () => {
    doubles = await startDoubles();
    server = await startServer({ ...settingsFor(doubles), ...settings });
    socket = await connect(server.wsUrl);
    imagePath = await uploadPicture(server);
  }, 60_000);

  afterEach(() => resetDoubles(doubles));

  afterAll(async () => {
    socket.close();
    await server.stop();
    await stopDoubles(doubles);
  });
}

export async function click(id: string, provider: Vendor, more: object = {}): Promise<Answer> {
  const answer = await clickAt(server, id, { provider, ...more });
  answers.push(answer);
  return answer;
}

export const workspace = (form: Partial<FormData> = {}) => newWorkspace(socket, imagePath, form);
export const stored = async (id: string) => load(server, id);
export const ends = async (id: string, since = 0) => nextVideo(socket, id, isFinal, since);
export const hasPhase = (phase: Video['phase']) => (video: Video) => video.phase === phase;
export const createsOf = async (double: StartedDouble) => (await double.accepted()).length;
export const seen = async (double: StartedDouble, match: string) =>
  (await double.requests()).filter(({ method, path: address }) => `${method} ${address}`.startsWith(match));

/** Kills the server and starts it again with other settings; what the socket has heard is kept. */
export async function restart(env: Record<string, string>): Promise<void> {
  await server.kill();
  server = await server.restart(env);
  const { frames } = socket;
  socket = await connect(server.wsUrl);
  socket.frames.push(...frames);
}

export async function withDatabase<Result>(
  ask: (workspaces: mongoose.mongo.Collection<{ video: Video }>) => Promise<Result>,
): Promise<Result> {
  const client = await new mongoose.mongo.MongoClient(settings.MONGODB_URI).connect();
  try {
    return await ask(client.db().collection<{ video: Video }>('workspaces'));
  } finally {
    await client.close();
  }
}
