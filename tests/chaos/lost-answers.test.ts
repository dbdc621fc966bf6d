import { idleVideo } from '../../src/contract/defaults';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { changeStored } from '../helpers/stored';
import { startMessageProxy, type MessageProxy } from './message-proxy';

type Message = Record<string, unknown>;

const database = freshDatabase();
let proxy: MessageProxy;
let server: TestServer;
let tab: TestSocket;
let other: TestSocket;

beforeAll(async () => {
  proxy = await startMessageProxy(database);
  server = await startServer({ MONGODB_URI: proxy.uri });
  [tab, other] = [await connect(server.wsUrl), await connect(server.wsUrl)];
});

afterAll(async () => {
  tab.close();
  other.close();
  expect(await server.stop()).toBe(0);
  proxy.close();
});

/** Sends a message whose answer from the database gets lost, and then again until it is answered. */
async function sendThroughLoss(message: Message, command: string) {
  const since = other.frames.length;
  const losing = proxy.rule({ matches: (sent) => command in sent, times: Infinity, act: 'lose' });
  const first = await tab.ask(message);
  expect(first).toMatchObject({ type: 'error', code: 'DATABASE_UNAVAILABLE', request_id: message.request_id });
  expect(losing.count()).toBeGreaterThan(0);
  losing.lift();
  let answer = first;
  while (answer.code === 'DATABASE_UNAVAILABLE') answer = await tab.ask(message);
  // Whatever was told before this one is here when this one is.
  const mark = await tab.ask({ type: 'workspace.create' });
  await other.next(({ workspace }) => workspace?._id === mark.workspace._id, since);
  const heard = other.frames.slice(since).filter(({ workspace }) => workspace?._id !== mark.workspace._id);
  return { answer, heard };
}

const create = async () => (await tab.ask({ type: 'workspace.create' })).workspace._id as string;

test('what was stored and never acknowledged is told to the others once, when it is sent again', async () => {
  const [first, second] = [await create(), await create()];
  const take = { status: 'completed', attempt_id: 'take', url: '/uploads/videos/take.mp4' };
  await changeStored(database, first, { takes: [{ ...idleVideo, ...take }] });

  const messages: [type: string, fields: Message, command: string, told: string][] = [
    ['workspace.create', {}, 'insert', 'workspace.created'],
    ['workspace.create', { workspace_id: 'a'.repeat(24) }, 'insert', 'workspace.created'],
    [
      'workspace.update',
      { workspace_id: first, updates: { 'form_data.prompt': 'x' } },
      'findAndModify',
      'workspace.updated',
    ],
    ['workspace.choose_take', { workspace_id: first, attempt_id: 'take' }, 'findAndModify', 'video.status_update'],
    ['workspace.delete', { workspace_id: first }, 'update', 'workspace.deleted'],
    ['workspace.restore', { workspace_id: first }, 'findAndModify', 'workspace.created'],
    ['workspace.reorder', { workspace_ids: [second, first] }, 'commitTransaction', 'workspace.reordered'],
  ];
  for (const [index, [type, fields, command, told]] of messages.entries()) {
    const { answer, heard } = await sendThroughLoss({ type, ...fields, request_id: `lost-${index}` }, command);
    expect({ type, answer }).not.toMatchObject({ answer: { type: 'error' } });
    expect({ type, heard: heard.map((frame) => frame.type) }).toEqual({ type, heard: [told] });
  }
}, 60_000);
