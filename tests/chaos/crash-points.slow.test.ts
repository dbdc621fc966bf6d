import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Charge } from '../../src/contract/money';
import type { Video } from '../../src/contract/video';
import { startDoubles, stopDoubles, vendors, type Doubles, type Vendor } from '../helpers/generating';
import {
  click,
  eventually,
  finalVideo,
  load,
  newWorkspace,
  settingsFor,
  uploadPicture,
  wire,
} from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

const points = [
  'after-claim',
  'before-sent-saved',
  'after-sent-before-request',
  'during-request',
  'after-answer-before-journal',
  'after-journal-before-save',
  'after-save-before-poll',
  'mid-poll',
  'after-poll-before-save',
  'after-charge-before-save',
  'after-fetching-saved',
  'mid-download',
  'after-rename-before-save',
  'after-complete-before-push',
  'in-shutdown',
] as const;
type Point = (typeof points)[number];

/** Where nobody can know of a vendor without any deduplication whether it took the create. */
const unknowable: Point[] = [
  'after-sent-before-request',
  'during-request',
  'after-answer-before-journal',
  'in-shutdown',
];

type Outcome = { fired: string; video: Video; creates: number; isPlayable: boolean; charges: Charge[] };
const outcomes = new Map<string, Outcome>();

let folder: string;
let doubles: Doubles;

const file = (kind: 'armed' | 'fired' | 'accepted', vendor: Vendor) => path.join(folder, `${kind}-${vendor}`);

const startWithHook = (vendor: Vendor): Promise<TestServer> =>
  startServer({
    ...settingsFor(doubles),
    VIDEO_PROVIDER: vendor,
    TEST_NODE_ARGS: `-r ${path.join(__dirname, 'crash-points.cjs')}`,
    CRASH_ARMED: file('armed', vendor),
    CRASH_FIRED: file('fired', vendor),
    CRASH_ACCEPTED: file('accepted', vendor),
  });

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-crash-'));
  doubles = await startDoubles((vendor) => file('accepted', vendor));
}, 60_000);

afterAll(async () => {
  await stopDoubles(doubles);
  rmSync(folder, { recursive: true });
});

describe('a crash at every write boundary of a paid generation', () => {
  beforeAll(() => Promise.all(vendors.map(crashEverywhere)), 400_000);

  describe.each(vendors)('%s', (vendor) => {
    test.each(points)(`a crash at %s leaves the bill of ${vendor} paid once, and the video has its end`, (point) => {
      const { fired, video, creates, isPlayable, charges } = outcomes.get(`${vendor} ${point}`)!;
      expect(fired).toBe(point);
      if (vendor === 'runway' && unknowable.includes(point)) {
        expect(video).toMatchObject({ status: 'failed', error: { code: 'SUBMIT_UNKNOWN', charged: 'maybe' } });
        expect(creates).toBe(point === 'after-sent-before-request' ? 0 : 1);
        expect(charges).toMatchObject([{ state: 'maybe' }]);
        return;
      }
      expect(video).toMatchObject({ status: 'completed', error: null, phase: null });
      expect(creates).toBe(1);
      expect(isPlayable).toBe(true);
      expect(charges).toMatchObject([{ state: 'charged', cost: video.cost }]);
    });
  });
});

test('a crash between the reservation of a click and its attempt leaves nothing reserved, and the next click is paid once', async () => {
  const server = await startWithHook('kling');
  const socket = await connect(server.wsUrl);
  const workspaceId = await newWorkspace(socket, await uploadPicture(server));
  await writeFile(file('armed', 'kling'), 'after-reserve');
  const exited = new Promise((resolve) => server.child.once('exit', resolve));
  void click(server, workspaceId).catch(() => undefined);
  await withinTime(exited, 'the crash point after-reserve');
  await Promise.all([rm(file('armed', 'kling')), rm(file('fired', 'kling'))]);

  const restarted = await server.restart();
  expect((await load(restarted, workspaceId)).video.status).toBe('idle');
  expect((await restarted.get('/api/costs')).body).toMatchObject({ total: [], charges: [] });
  expect((await click(restarted, workspaceId)).status).toBe(202);
  await finalVideo(restarted, workspaceId);
  expect((await restarted.get('/api/costs')).body.charges).toMatchObject([{ state: 'charged' }]);
  await restarted.stop();
}, 60_000);

describe('a crash in the middle of an edit', () => {
  jest.setTimeout(60_000);

  test('a server that dies between two places of a reorder keeps the old order whole', async () => {
    const { ids, restarted } = await crashWith('mid-reorder', ([a, b, c]) => ({
      type: 'workspace.reorder',
      workspace_ids: [c, a, b],
    }));
    const { body } = await restarted.get('/api/workspaces');
    expect(body.workspaces.map(({ _id }: { _id: string }) => _id)).toEqual(ids);
    await restarted.stop();
  });

  test('a server that dies before the answer to an edit applies it once when it is sent again', async () => {
    const message = (ids: string[]) => ({
      type: 'workspace.update',
      workspace_id: ids[0],
      request_id: 'once',
      updates: { form_data: { prompt: 'kept' } },
    });
    const { ids, restarted } = await crashWith('after-update-before-ack', message);
    expect(await load(restarted, ids[0]!)).toMatchObject({ version: 2, form_data: { prompt: 'kept' } });
    const socket = await connect(restarted.wsUrl);
    expect(await socket.ask(message(ids))).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
    socket.close();
    await restarted.stop();
  });
});

/** Goes through all points with one vendor, on one database: click, die, start again, wait for the end. */
async function crashEverywhere(vendor: Vendor): Promise<void> {
  const double = doubles[vendor];
  let server = await startWithHook(vendor);
  const imagePath = await uploadPicture(server);
  for (const point of points) {
    const socket = await connect(server.wsUrl);
    const workspaceId = await newWorkspace(socket, imagePath);
    const acceptedBefore = (await double.accepted()).length;
    await double.script(slowness(vendor, point));
    await writeFile(file('armed', vendor), point);

    const exited = new Promise((resolve) => server.child.once('exit', resolve));
    void click(server, workspaceId).catch(() => undefined);
    if (point === 'in-shutdown') {
      await eventually(async () => (await double.accepted()).length > acceptedBefore);
      server.child.kill('SIGTERM');
    }
    await withinTime(exited, `the crash point ${point} of ${vendor}`);
    const fired = await readFile(file('fired', vendor), 'utf8');
    await Promise.all([rm(file('armed', vendor)), rm(file('fired', vendor)), double.script([])]);

    server = await server.restart();
    const video = await withinTime(finalVideo(server, workspaceId), `the end after ${point} of ${vendor}`);
    const creates = (await double.accepted()).length - acceptedBefore;
    const isPlayable = video.url !== null && (await server.get(video.url)).status === 200;
    const { body } = await server.get('/api/costs');
    const charges = (body.charges as Charge[]).filter(({ workspace_id: id }) => id === workspaceId);
    outcomes.set(`${vendor} ${point}`, { fired, video, creates, isPlayable, charges });
  }
  await server.stop();
}

/** Fails, and says what it waited for, where a promise is not kept within 60 s. */
function withinTime<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  const late = new Promise<never>((_resolve, reject) =>
    setTimeout(() => reject(new Error(`${what} did not come within 60 s`)), 60_000).unref(),
  );
  return Promise.race([promise, late]);
}

/** Holds answers back where the crash must come before them. */
function slowness(vendor: Vendor, point: Point) {
  const { create, task } = wire[vendor];
  switch (point) {
    case 'during-request':
    case 'in-shutdown':
      return [{ match: create, delay_ms: 600 }];
    case 'mid-poll':
      return [{ match: task, delay_ms: 300 }];
    case 'mid-download':
      return [{ match: 'GET /files', drip: { bytes: 512, every_ms: 20 } }];
    default:
      return [];
  }
}

async function crashWith(point: string, message: (ids: string[]) => Record<string, unknown>) {
  const server = await startWithHook('runway');
  const socket = await connect(server.wsUrl);
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    const { workspace } = await socket.ask({ type: 'workspace.create' });
    ids.push(workspace._id as string);
  }
  await writeFile(file('armed', 'runway'), point);
  const exited = new Promise((resolve) => server.child.once('exit', resolve));
  socket.send(message(ids));
  await withinTime(exited, `the crash point ${point}`);
  expect(await readFile(file('fired', 'runway'), 'utf8')).toBe(point);
  await Promise.all([rm(file('armed', 'runway')), rm(file('fired', 'runway'))]);
  return { ids, restarted: await server.restart() };
}
