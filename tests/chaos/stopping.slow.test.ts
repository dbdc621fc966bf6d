import { connect } from 'node:net';
import type { Video } from '../../src/contract/video';
import { portOf, toRequest } from '../helpers/wire';
import { canaryKeys, wire } from '../helpers/generating';
import { startFaultyMongod } from './faults';
import { atEach, closeRigs, createsOf, judge, openRig, openRigs, requestsOf, soon, within, patienceMs } from './rig';
import type { Rig, Rigs, Shot } from './rig';

jest.setTimeout(120_000);

/** PM2 and systemd kill what has not ended after 90 s. */
const endsWithinMs = 40_000;
const isCompleted = ({ status }: Video) => status === 'completed';

let rigs: Rigs;

beforeAll(async () => {
  rigs = await openRigs();
});

afterEach(() =>
  atEach(rigs, async ({ vendor, double, proxy }) => {
    proxy.clear();
    await double.reset();
    await double.set({ api_key: canaryKeys[vendor], queued_ms: 0, running_ms: 0 });
  }),
);

afterAll(() => closeRigs(rigs));

const isAsked = async (rig: Rig, shot: Shot, match: string, times = 1): Promise<void> => {
  const isThere = await soon(async () => (await requestsOf(rig, shot, match)).length >= times);
  if (!isThere) throw new Error(`${match} was not asked ${times} times`);
};

/** Stops the server, lets the peer be as it should, and starts the server again. */
async function stopAndStart(rig: Rig, withinMs = endsWithinMs): Promise<void> {
  expect(await within(withinMs, rig.end(), 'the end of the process')).toBe(0);
  await rig.double.release({ die: true });
  await rig.double.script([]);
  await rig.start();
}

async function expectOneCreate(rig: Rig, shot: Shot, isRight = isCompleted): Promise<void> {
  await shot.until(({ video }) => isRight(video), 'the end of the story');
  expect(await createsOf(rig, shot)).toBe(1);
}

test('the server ends while a vendor does not answer a paid create, and goes on with what became of it', () =>
  atEach(rigs, async (rig) => {
    const { create } = wire[rig.vendor];
    const shot = await rig.newShot();
    await rig.double.script([{ match: create, hold: true }]);
    const clicked = shot.click();
    await isAsked(rig, shot, create);
    await stopAndStart(rig);
    const isRight = rig.vendor === 'runway' ? ({ error }: Video) => error?.code === 'SUBMIT_UNKNOWN' : isCompleted;
    await expectOneCreate(rig, shot, isRight);
    await clicked;
  }));

test('the server ends while the free upload of an image is not answered, and uploads it again', async () => {
  const rig = rigs.pika;
  const shot = await rig.newShot();
  await rig.double.script([{ match: 'PUT /storage', hold: true }]);
  const clicked = shot.click();
  await isAsked(rig, shot, 'PUT /storage');
  await stopAndStart(rig);
  await expectOneCreate(rig, shot);
  await clicked;
});

test('the server ends while a question for a task is not answered, and asks again', () =>
  atEach(rigs, async (rig) => {
    const { task } = wire[rig.vendor];
    const shot = await rig.newShot();
    await rig.double.script([{ match: task, hold: true }]);
    await shot.click();
    await isAsked(rig, shot, task);
    await stopAndStart(rig);
    await expectOneCreate(rig, shot);
  }));

test('the server ends while a clip comes drop by drop, and downloads it anew', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    await rig.double.script([{ match: 'GET /files', drip: { bytes: 16, every_ms: 200 } }]);
    await shot.click();
    await isAsked(rig, shot, 'GET /files');
    await stopAndStart(rig);
    await expectOneCreate(rig, shot);
    expect(await judge(rig, shot)).toEqual([]);
  }));

test('the server ends while a vendor does not answer a cancellation, and cancels again', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    await rig.double.set({ ends: 'never' });
    await shot.click();
    await shot.until(({ video }) => video.phase === 'running', 'the running task');
    await rig.double.script([{ match: 'DELETE', status: 500, hold: true }]);
    const cancelled = shot.cancel();
    await (rig.vendor === 'kling' ? cancelled : isAsked(rig, shot, 'DELETE'));
    await stopAndStart(rig);
    if (rig.vendor === 'kling') await rig.double.set({ ends: 'completed' });
    else expect(await soon(async () => (await rig.double.tasks()).length === 0)).toBe(true);
    await cancelled;
    expect(await judge(rig, shot)).toEqual([]);
    expect((await shot.load()).video.error?.code).toBe('CANCELLED');
  }));

test('the server ends while a client keeps its half of a connection open', async () => {
  const rig = rigs.kling;
  const port = portOf(rig.server().url);
  const half = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const headers = [
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: ',
  ];
  half.on('error', () => undefined).write(toRequest('GET', '/health', headers));
  await within(patienceMs, new Promise((resolve) => half.once('data', resolve)), 'the answer');
  await stopAndStart(rig, 10_000);
  half.destroy();
});

test('the server ends while the database is frozen, and goes on with the running task when it is back', async () => {
  const mongod = await startFaultyMongod();
  const rig = await openRig('runway', {}, mongod.uri);
  try {
    const shot = await rig.newShot();
    await rig.double.set({ ends: 'never' });
    await shot.click();
    await shot.until(({ video }) => video.phase === 'running', 'the running task');
    await mongod.freeze();
    await rig.double.set({ ends: 'completed' });
    expect(await within(endsWithinMs, rig.end(), 'the end of the process')).toBe(0);
    await mongod.thaw();
    await rig.start();
    await expectOneCreate(rig, shot);
  } finally {
    await mongod.thaw();
    await rig.close();
    await mongod.stop();
  }
});
