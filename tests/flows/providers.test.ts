import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import mongoose from 'mongoose';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import type { Video } from '../../src/contract/video';
import type { Rule } from '../doubles/double';
import type { StartedDouble } from '../doubles/start-double';
import { canaryKeys, vendors, wire } from '../helpers/generating';
import { click as clickAt, eventually, finalVideo, newWorkspace, nextVideo } from '../helpers/generating';
import { settingsFor, toldOf, uploadPicture } from '../helpers/generating';
import { startServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import {
  click,
  createsOf,
  doubles,
  ends,
  hasPhase,
  restart,
  server,
  socket,
  stored,
  useVendors,
  withDatabase,
  words,
  workspace,
} from '../helpers/vendors';

useVendors();

describe('a video, whoever the vendor is', () => {
  const vendor = 'kling';
  const { create, task } = wire[vendor];
  let double: StartedDouble;

  beforeAll(() => {
    double = doubles[vendor];
  });

  const script = (...rules: Rule[]) => double.script(rules);

  test('a click on what a model cannot make is refused with the field and a model that can, and nothing is sent', async () => {
    for (const [form, path, other] of [
      [{ model: 'kling-2.6', audio: true }, 'form_data.resolution', 'kling-3.0'],
      [{ model: 'kling-2.5-turbo', duration_s: 7 }, 'form_data.duration_s', 'kling-3.0'],
      [{ model: 'kling-2.5-turbo', audio: true }, 'form_data.audio', 'kling-3.0'],
      [{ model: 'kling-3.0-turbo', resolution: '4k' }, 'form_data.resolution', 'kling-3.0'],
      [{ model: 'kling-4.0' }, 'form_data.model', 'kling-3.0'],
    ] as const) {
      const id = await workspace({ provider: vendor, ...form });
      const answer = await clickAt(server, id);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'INVALID_INPUT', details: [{ path }] } } });
      expect(answer.body.error.details[0].message).toContain(other);
    }
    expect(await double.requests()).toEqual([]);
  });

  test('a new click after TIMEOUT makes a new video, and the late one lands among the takes', async () => {
    await double.set({ ends: 'never', queued_ms: 0 });
    const id = await workspace();
    const first = await click(id, vendor);
    await ends(id);
    const since = socket.frames.length;
    const second = await click(id, vendor);
    expect(second.body.video.attempt_id).not.toBe(first.body.video.attempt_id);
    await double.set({ ends: 'completed', running_ms: 0 });

    const { takes, video } = await eventually(async () => {
      const now = await stored(id);
      return now.video.status === 'completed' && now.takes.length === 1 && now;
    });
    expect(video.attempt_id).toBe(second.body.video.attempt_id);
    expect(takes[0]).toMatchObject({ attempt_id: first.body.video.attempt_id, status: 'completed', error: null });
    expect((await server.get(takes[0]!.url!)).status).toBe(200);
    expect(socket.frames.slice(since).filter((frame) => frame.workspace_id === id && frame.takes)).toHaveLength(1);
    expect(await createsOf(double)).toBe(2);
  });

  test('a video whose time is over while a 429 says to stay away is a TIMEOUT', async () => {
    await double.set({ queued_ms: 0, running_ms: 0 });
    // The last question, when time is over, is asked all the same.
    await script({ match: task, times: 2, ...words[vendor].busy, headers: { 'Retry-After': '5' } });
    const id = await workspace();
    const since = socket.frames.length;
    await click(id, vendor);
    expect(await ends(id)).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT', charged: 'maybe' } });
    expect(await nextVideo(socket, id, ({ status }) => status === 'completed', since)).toMatchObject({ error: null });
    expect(await createsOf(double)).toBe(1);
  });

  test('a cancellation while a lost create is being asked for ends the video, and the server lives on', async () => {
    await script(
      { match: create, times: 1, accept_then_die: true },
      { match: task, delay_ms: 300 },
      { match: create, delay_ms: 300 },
    );
    const id = await workspace();
    const answer = click(id, vendor);
    await eventually(async () => (await createsOf(double)) === 1);
    await server.post('/api/generate/cancel', { workspace_id: id });
    await answer;
    expect((await server.get('/health')).status).toBe(200);
    expect(['CANCELLED', 'SUBMIT_UNKNOWN']).toContain((await stored(id)).video.error!.code);
  });

  test('fifty clicks at once pay once', async () => {
    const id = await workspace();
    const clicks = await Promise.all(Array.from({ length: 50 }, () => click(id, vendor)));
    const taken = clicks.filter(({ status }) => status === 202);
    expect(taken).toHaveLength(1);
    for (const { status, body } of clicks) if (status !== 202) expect(body.error.code).toBe('VIDEO_IN_PROGRESS');
    await ends(id);
    expect(await createsOf(double)).toBe(1);
  });

  test('the same request_id gets the first answer, at the same time and later', async () => {
    await script({ match: create, delay_ms: 200 });
    const id = await workspace();
    const request_id = `again-${vendor}`;
    const clicks = await Promise.all(Array.from({ length: 20 }, () => click(id, vendor, { request_id })));
    for (const { status, body } of clicks) expect({ status, body }).toEqual({ status: 202, body: clicks[0]!.body });
    await ends(id);
    expect((await click(id, vendor, { request_id })).status).toBe(202);
    expect(await createsOf(double)).toBe(1);
  });

  test('a file that cannot be fetched is asked for again by itself', async () => {
    await script({ match: 'GET /files', times: 3, status: 404, body: 'gone' });
    const id = await workspace();
    const since = socket.frames.length;
    await click(id, vendor);
    expect(await ends(id)).toMatchObject({ status: 'failed', error: { code: 'DOWNLOAD_FAILED', charged: 'yes' } });
    expect(await nextVideo(socket, id, ({ status }) => status === 'completed', since)).toMatchObject({ error: null });
    expect(await createsOf(double)).toBe(1);
  });

  test('a click on a file that could not be fetched fetches it and pays nothing', async () => {
    await script({ match: 'GET /files', status: 404, body: 'gone' });
    const id = await workspace();
    await click(id, vendor);
    await ends(id);
    await script();
    const since = socket.frames.length;
    const answer = await click(id, vendor);
    // It may have been fetched by itself in the same moment, and then the click is a new one; told apart by its attempt.
    expect(answer.body.video).toMatchObject({ status: 'generating', phase: 'downloading' });
    expect(await ends(id, since)).toMatchObject({ status: 'completed' });
    expect(await createsOf(double)).toBe(1);
  });

  test('a regeneration that fails keeps the old video, and it can be chosen again', async () => {
    const id = await workspace();
    await click(id, vendor);
    const good = await ends(id);
    await double.set({ ends: 'failed' });
    const since = socket.frames.length;
    await click(id, vendor);
    await ends(id, since);
    const { takes } = await stored(id);
    expect(takes).toEqual([good]);
    expect((await server.get(takes[0]!.url!)).status).toBe(200);
    const confirm = await socket.ask({ type: 'workspace.choose_take', workspace_id: id, attempt_id: good.attempt_id });
    expect(confirm.type).toBe('workspace.sync_confirm');
    expect(await stored(id)).toMatchObject({ video: good, takes: [] });
  });

  test('a chosen take does not make a charge certain that is not: the next click is still warned, the one after is not', async () => {
    const { runway } = doubles;
    const id = await workspace();
    await click(id, 'runway');
    const good = await ends(id);
    await runway.script([{ match: wire.runway.create, times: 1, accept_then_die: true }]);
    expect((await click(id, 'runway')).body.error.code).toBe('SUBMIT_UNKNOWN');
    await socket.ask({ type: 'workspace.choose_take', workspace_id: id, attempt_id: good.attempt_id });
    expect((await stored(id)).video).toEqual(good);
    expect((await server.get('/health')).body.jobs.unclear).toBeGreaterThan(0);
    const refused = await click(id, 'runway');
    expect(refused).toMatchObject({ status: 409, body: { error: { code: 'SECOND_CHARGE_POSSIBLE' } } });
    expect(await createsOf(runway)).toBe(2);

    for (const more of [{ accept_second_charge: true }, {}]) {
      const since = socket.frames.length;
      expect((await click(id, 'runway', more)).status).toBe(202);
      expect(await ends(id, since)).toMatchObject({ status: 'completed' });
    }
    expect(await createsOf(runway)).toBe(4);
  });

  test('a click and a choice of takes get through a stream of edits', async () => {
    const id = await workspace();
    await click(id, vendor);
    const good = await ends(id);
    const writer = await connect(server.wsUrl);
    let isOver = false;
    const edits = (async () => {
      for (let count = 0; !isOver; count++) {
        const updates = { 'form_data.lighting': `light ${count}` };
        await writer.ask({ type: 'workspace.update', workspace_id: id, updates });
      }
    })();
    for (let round = 0; round < 5; round++) {
      const since = socket.frames.length;
      expect((await click(id, vendor)).status).toBe(202);
      await ends(id, since);
      const choice = { type: 'workspace.choose_take', workspace_id: id, attempt_id: good.attempt_id };
      expect((await socket.ask(choice)).type).toBe('workspace.sync_confirm');
    }
    isOver = true;
    await edits;
    writer.close();
    expect((await stored(id)).takes).toHaveLength(5);
  });

  describe('a workspace that is deleted', () => {
    const phases: [name: string, slow: Partial<Rule>[], phase: Video['phase']][] = [
      ['being sent', [{ match: create, delay_ms: 400 }], 'submitting'],
      ['in the queue of the vendor', [], 'queued'],
      ['running', [], 'running'],
      ['being downloaded', [{ match: 'GET /files', drip: { bytes: 256, every_ms: 15 } }], 'downloading'],
    ];

    test.each(phases)(
      'a workspace that is deleted while it is %s stays away, is finished in the trash, and comes back with its video',
      async (_name, slow, phase) => {
        await double.set({ queued_ms: phase === 'queued' ? 600 : 0, running_ms: phase === 'running' ? 600 : 50 });
        await double.script(slow as Rule[]);
        const id = await workspace();
        const answer = click(id, vendor);
        await nextVideo(socket, id, hasPhase(phase));
        if (phase === 'submitting') await eventually(async () => (await createsOf(double)) === 1);
        await socket.ask({ type: 'workspace.delete', workspace_id: id });
        const since = socket.frames.length;
        await answer;
        expect(await stored(id)).toBeUndefined();

        await eventually(async () => (await server.log()).includes(`"message":"video completed"`) && isDone(id));
        expect(toldOf(socket, id, since)).toEqual([]);
        const { workspace: restored } = await socket.ask({ type: 'workspace.restore', workspace_id: id });
        expect(restored.video).toMatchObject({ status: 'completed', provider: vendor });
        expect((await server.get(restored.video.url)).status).toBe(200);
        expect(await createsOf(double)).toBe(1);
      },
    );

    test('a workspace that is deleted while it waits for its turn is never sent', async () => {
      await double.set({ ends: 'never', queued_ms: 0 });
      const running = [await workspace(), await workspace()];
      for (const id of running) await click(id, vendor);
      const id = await workspace();
      expect((await click(id, vendor)).body.video).toMatchObject({ phase: 'queued', task_id: null });
      await socket.ask({ type: 'workspace.delete', workspace_id: id });
      await double.set({ ends: 'completed', running_ms: 0 });
      await Promise.all(running.map((other) => ends(other)));
      const { workspace: restored } = await socket.ask({ type: 'workspace.restore', workspace_id: id });
      expect(restored.video).toMatchObject({ status: 'failed', error: { code: 'CANCELLED', charged: 'no' } });
      expect(await createsOf(double)).toBe(2);
    });

    const isDone = async (id: string) => {
      const found = await withDatabase((workspaces) =>
        workspaces.findOne({ _id: new mongoose.mongo.BSON.ObjectId(id) }),
      );
      return found?.video.status === 'completed';
    };
  });
});

test('what must wait for its turn is answered at once and made in the order of the clicks, across vendors', async () => {
  for (const vendor of vendors) await doubles[vendor].set({ queued_ms: 0, running_ms: 1000 });
  const ids = await Promise.all(Array.from({ length: 6 }, () => workspace()));
  const since = socket.frames.length;
  const clicks = [];
  for (const [index, id] of ids.entries()) clicks.push(await click(id, vendors[index % 3]!));
  clicks.slice(0, 2).forEach(({ body }) => expect(body.task_id).toEqual(expect.any(String)));
  clicks
    .slice(2)
    .forEach(({ status, body }) =>
      expect({ status, ...body }).toMatchObject({ status: 202, task_id: null, video: { phase: 'queued' } }),
    );

  await Promise.all(ids.map((id) => ends(id, since)));
  const accepted = (await Promise.all(vendors.map(async (vendor) => doubles[vendor].accepted()))).flat();
  const inOrder = accepted.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)).map(({ task_id }) => task_id);
  const videos = await Promise.all(ids.map(async (id) => (await stored(id)).video.task_id));
  expect([...inOrder].sort()).toEqual([...videos].sort());
  // Two run at once: of two places that come free together, the vendor with less to prepare may be first.
  const places = videos.map((taskId, index) => Math.abs(inOrder.indexOf(taskId!) - index));
  expect(Math.max(...places)).toBeLessThanOrEqual(1);
});

test('many clicks in one moment never run more tasks than VIDEO_MAX_CONCURRENT, and every queued one says so', async () => {
  await doubles.kling.set({ queued_ms: 0, running_ms: 250 });
  const ids = await Promise.all(Array.from({ length: 6 }, () => workspace()));
  const clicks = await Promise.all(ids.map((id) => click(id, 'kling')));
  const ended = await Promise.all(ids.map((id) => ends(id)));
  const accepted = await doubles.kling.accepted();
  // One that got its slot a moment after its answer may have said so too.
  const waited = accepted.slice(2).map(({ task_id: taskId }) => ended.findIndex((video) => video.task_id === taskId));
  expect(waited).toHaveLength(4);
  for (const index of waited) expect(clicks[index]!.body).toMatchObject({ task_id: null, video: { phase: 'queued' } });
  const times = accepted.map(({ at }) => Date.parse(at));
  // Each third create waits for the end of the first one.
  times.slice(2).forEach((at, index) => expect(at - times[index]!).toBeGreaterThanOrEqual(250));
});

test('jobs go on with their own provider when VIDEO_PROVIDER is another one after a restart', async () => {
  await doubles.pika.set({ ends: 'never', queued_ms: 0 });
  const id = await workspace();
  await click(id, 'pika');
  await nextVideo(socket, id, hasPhase('running'));
  await restart({ VIDEO_PROVIDER: 'kling' });
  await doubles.pika.set({ ends: 'completed', running_ms: 0 });
  expect(await eventually(async () => (await stored(id)).video.status === 'completed' && stored(id))).toMatchObject({
    video: { provider: 'pika' },
  });
  const next = await workspace();
  expect((await clickAt(server, next)).body.video.provider).toBe('kling');
  await ends(next);
});

test('a click that waits for a provider without a key any more ends unpaid, and holds up nobody', async () => {
  await doubles.kling.set({ ends: 'never' });
  const running = [await workspace(), await workspace()];
  for (const id of running) await click(id, 'kling');
  const waiting = await workspace();
  expect((await click(waiting, 'runway')).body.video.phase).toBe('queued');
  await restart({ RUNWAY_API_KEY: '' });
  await doubles.kling.set({ ends: 'completed', running_ms: 0 });
  const next = await workspace();
  await click(next, 'kling');
  await eventually(async () => (await stored(next)).video.status === 'completed');
  expect((await stored(waiting)).video.error).toMatchObject({ code: 'PROVIDER_NOT_CONFIGURED', charged: 'no' });
  expect(await createsOf(doubles.runway)).toBe(0);
  await restart({ RUNWAY_API_KEY: canaryKeys.runway });
});

test('a stop begins no paid request that it does not wait for, and the next start makes the rest', async () => {
  await restart({ VIDEO_MAX_CONCURRENT: '20', PROVIDER_REQUEST_TIMEOUT_MS: '10000' });
  const { kling } = doubles;
  await kling.set({ queued_ms: 0, running_ms: 0 });
  // Those that are out when the stop begins answer soon, whatever began after it would answer when the process is gone.
  await kling.script([
    { match: wire.kling.create, delay_ms: 500, times: 1 },
    { match: wire.kling.create, delay_ms: 4500 },
  ]);
  const ids = await Promise.all(Array.from({ length: 40 }, () => workspace()));
  const clicks = ids.map((id) => click(id, 'kling').catch(() => undefined));
  await eventually(async () => (await createsOf(kling)) > 0);
  server.child.kill('SIGTERM');
  expect((await once(server.child, 'exit'))[0]).toBe(0);
  await Promise.all(clicks);
  const paid = (await kling.accepted()).map(({ task_id }) => task_id);
  const known = await withDatabase((workspaces) => workspaces.distinct('video.task_id', { 'video.provider': 'kling' }));
  expect(paid.filter((taskId) => !known.includes(taskId))).toEqual([]);
  expect(paid.length).toBeLessThan(ids.length);

  await kling.script([]);
  await restart({ PROVIDER_REQUEST_TIMEOUT_MS: '1000' });
  const claimed = (await Promise.all(ids.map(stored))).filter(({ video }) => video.status !== 'idle');
  await Promise.all(claimed.map(({ _id }) => finalVideo(server, _id)));
  expect(await createsOf(kling)).toBe(claimed.length);
  await restart({ VIDEO_MAX_CONCURRENT: '2' });
}, 60_000);

test('a new file services/video-example.ts works by its name alone, and is gone with the file', async () => {
  const copy = await mkdtemp(path.join(os.tmpdir(), 'video-maker-example-'));
  const root = path.resolve(__dirname, '../..');
  await cp(path.join(root, 'dist'), path.join(copy, 'dist'), { recursive: true });
  await symlink(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  const file = path.join(copy, 'dist/services/video-example.js');
  const { outputText } = transpileModule(exampleProvider, {
    compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2023 },
  });
  await writeFile(file, outputText);
  const vendor = await startExampleVendor();
  const env = {
    VIDEO_PROVIDER: 'example',
    TEST_NODE_ARGS: path.join(copy, 'dist/server.js'),
    EXAMPLE_BASE_URL: vendor.url,
  };

  const example = await startServer({ ...settingsFor(doubles), ...env });
  const tab = await connect(example.wsUrl);
  const id = await newWorkspace(tab, await uploadPicture(example));
  expect((await clickAt(example, id)).body.video).toMatchObject({ provider: 'example', model: 'example-1' });
  expect(await nextVideo(tab, id)).toMatchObject({ status: 'completed', provider: 'example' });
  const { body } = await example.get('/api/options');
  expect(body.video_providers.find(({ name }: { name: string }) => name === 'example')).toMatchObject({
    default: true,
    ready: true,
  });
  tab.close();
  await example.stop();

  await rm(file);
  await expect(startServer({ ...settingsFor(doubles), ...env })).rejects.toThrow(/VIDEO_PROVIDER is "example"/);
  vendor.stop();
  await rm(copy, { recursive: true });
}, 60_000);

const exampleProvider = `
import { z } from 'zod';
import { baseUrl, readSettings } from '../config';
import { defineVideoProvider } from './provider';
import { sendRequest } from '../utils/http';
import { parseReply } from '../utils/parse';

const { values, ...settings } = readSettings(z.object({ EXAMPLE_BASE_URL: baseUrl('https://example.com') }));
const ask = (method, path, signal, json) =>
  sendRequest({ provider: 'Example', method, url: values.EXAMPLE_BASE_URL + path, json, signal });

export default defineVideoProvider({
  name: 'example',
  settings,
  models: [
    {
      id: 'example-1',
      durations_s: [5],
      aspect_ratios: ['16:9'],
      resolutions: [],
      default_resolution: null,
      audio: 'never',
      end_image: false,
      prompt_max: 500,
      prompt_required: false,
      negative_prompt: false,
      seed: false,
      prices: [],
      priced_on: null,
    },
  ],
  default_model: 'example-1',
  deduplication: 'none',
  async submit({ form_data }, signal) {
    const reply = await ask('POST', '/films', signal, { words: form_data.prompt });
    return { state: 'accepted', taskId: parseReply(z.object({ film: z.string() }), reply.json, 'Example').film };
  },
  async check(taskId, signal) {
    const reply = await ask('GET', '/films/' + taskId, signal);
    const { link } = parseReply(z.object({ link: z.string().nullable() }), reply.json, 'Example');
    return link ? { state: 'completed', url: link } : { state: 'running' };
  },
});
`;

/** A vendor with a dialect of its own: a film is ready when it is asked for the second time. */
async function startExampleVendor() {
  const clip = await readFile(path.join(__dirname, '../fixtures/clip.mp4'));
  let asked = 0;
  const vendor = createServer((request, response) => {
    const base = `http://${request.headers.host}`;
    if (request.url === '/clip.mp4') return response.writeHead(200, { 'Content-Type': 'video/mp4' }).end(clip);
    const body = request.method === 'POST' ? { film: 'one' } : { link: ++asked > 1 ? `${base}/clip.mp4` : null };
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => vendor.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`, stop: () => vendor.close() };
}
