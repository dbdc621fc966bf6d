import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Video } from '../../src/contract/video';
import type { Rule } from '../doubles/double';
import type { StartedDouble } from '../doubles/start-double';
import { canaryKeys, eventually, isFinal, nextVideo, toldOf, vendors, wire } from '../helpers/generating';
import {
  answers,
  click,
  createsOf,
  doubles,
  ends,
  hasPhase,
  seen,
  server,
  socket,
  stored,
  useVendors,
  withDatabase,
  words,
  workspace,
  type Scripted,
} from '../helpers/vendors';

// `unbilled` is what a failed task says of its charge without a bill.
const failedTask = {
  runway: { unbilled: 'maybe', moderation: 'SAFETY.INPUT.IMAGE' },
  pika: { unbilled: 'no', moderation: 'content_moderation' },
  kling: { unbilled: 'maybe', moderation: 'sensitive' },
} as const;

useVendors();

/** What each vendor says when it is asked for a task that it does not know, kling in a list. */
const emptyList: Scripted = { status: 200, body: { code: 0, message: 'SUCCEED', data: [] } };

describe.each(vendors)('a video from %s', (vendor) => {
  const { create, task } = wire[vendor];
  let double: StartedDouble;

  beforeAll(() => {
    double = doubles[vendor];
  });

  const script = (...rules: Rule[]) => double.script(rules);

  test(`a click at ${vendor} becomes a video, told step by step and in order`, async () => {
    await double.set({ queued_ms: 200, running_ms: 300 });
    const id = await workspace();
    const since = socket.frames.length;
    const answer = await click(id, vendor);
    expect(answer).toMatchObject({
      status: 202,
      body: { workspace_id: id, video: { status: 'generating', provider: vendor } },
    });
    expect(answer.body.task_id).toEqual(expect.any(String));

    const video = await ends(id);
    expect(video).toMatchObject({ status: 'completed', error: null, task_id: answer.body.task_id, provider: vendor });
    expect((await server.get(video.url!)).headers.get('content-type')).toBe('video/mp4');
    expect((await server.get(video.poster_url!)).headers.get('content-type')).toBe('image/jpeg');
    const phases = toldOf(socket, id, since).map(({ phase }) => phase);
    expect(phases.filter((phase, index) => phase !== phases[index - 1])).toEqual([
      'submitting',
      'queued',
      'running',
      'downloading',
      null,
    ]);
    const frames = socket.frames.slice(since).filter(({ workspace_id: about }) => about === id);
    expect(frames.map(({ version }) => version)).toEqual(frames.map((_frame, index) => index + 2));
    expect((await stored(id)).video).toEqual(video);
    expect(await createsOf(double)).toBe(1);
  });

  test.each([
    ['a request that the vendor finds faulty', 'invalid', 400, 'INVALID_INPUT'],
    ['what the moderation refuses', 'moderated', 422, 'CONTENT_REFUSED'],
    ['an account without credits', 'quota', 503, 'PROVIDER_QUOTA'],
  ] as const)(`a click that ${vendor} refuses is answered with the reason: %s`, async (_name, word, status, code) => {
    await script({ match: create, ...words[vendor][word] });
    const id = await workspace();
    expect(await click(id, vendor)).toMatchObject({ status, body: { error: { code } } });
    expect((await stored(id)).video).toMatchObject({ status: 'failed', phase: null, error: { code, charged: 'no' } });
    expect(await seen(double, create)).toHaveLength(1);
  });

  test(`a click whose key ${vendor} refuses is told the setting`, async () => {
    await double.set({ api_key: 'another key' });
    const id = await workspace();
    const answer = await click(id, vendor);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'PROVIDER_AUTH' } } });
    expect(answer.body.error.message).toContain('.env');
    expect(await createsOf(double)).toBe(0);
  });

  test(`clicks stay away from ${vendor} as long as a 429 says, and then each is sent once`, async () => {
    await script({ match: create, times: 1, ...words[vendor].busy, headers: { 'Retry-After': '2' } });
    const [first, second] = [await workspace(), await workspace()];
    expect(await click(first, vendor)).toMatchObject({
      status: 202,
      body: { task_id: null, video: { phase: 'queued' } },
    });
    expect(await click(second, vendor)).toMatchObject({
      status: 202,
      body: { task_id: null, video: { phase: 'queued' } },
    });

    await Promise.all([ends(first), ends(second)]);
    const [refused, ...later] = (await seen(double, create)).map(({ at }) => Date.parse(at));
    expect(later).toHaveLength(2);
    later.forEach((at) => expect(at - refused!).toBeGreaterThanOrEqual(1900));
    expect(await createsOf(double)).toBe(2);
  });

  test(`no task is asked for while a 429 of ${vendor} says to stay away`, async () => {
    await double.set({ queued_ms: 0, ends: 'never' });
    const [first, second] = [await workspace(), await workspace()];
    await Promise.all([click(first, vendor), click(second, vendor)]);
    const until = new Date(Date.now() + 2000).toUTCString();
    await script({ match: task, times: 1, ...words[vendor].busy, headers: { 'Retry-After': until } });
    await double.set({ ends: 'completed', running_ms: 0 });
    await Promise.all([ends(first), ends(second)]);
    const times = (await seen(double, task)).map(({ at }) => Date.parse(at));
    const longestMs = Math.max(...times.slice(1).map((at, index) => at - times[index]!));
    // A date has no milliseconds, so that up to one second of the two is lost.
    expect(longestMs).toBeGreaterThanOrEqual(900);
    expect((await stored(first)).video.status).toBe('completed');
  });

  test(`a slow answer of ${vendor} is waited for, and one that drips is taken`, async () => {
    await script(
      { match: create, times: 1, delay_ms: 600 },
      { match: create, times: 1, drip: { bytes: 20, every_ms: 20 } },
    );
    for (const id of [await workspace(), await workspace()]) {
      expect((await click(id, vendor)).body.task_id).toEqual(expect.any(String));
      expect(await ends(id)).toMatchObject({ status: 'completed' });
    }
    expect(await createsOf(double)).toBe(2);
  });

  test(`a task of ${vendor} is asked for again when an answer does not come, or is in words that nobody knows`, async () => {
    const id = await workspace();
    await script({ match: task, times: 1, delay_ms: 1500 });
    const { body } = await click(id, vendor);
    await eventually(async () => (await seen(double, task)).length > 0);
    const odd = JSON.parse(JSON.stringify(words[vendor].odd).replace('"ID"', JSON.stringify(body.task_id))) as Scripted;
    await script({ match: task, times: 2, ...odd });
    expect(await ends(id)).toMatchObject({ status: 'completed', error: null });
    expect((await seen(double, task)).length).toBeGreaterThan(3);
    expect(await createsOf(double)).toBe(1);
  });

  test(`a task of ${vendor} is asked for again when answers are garbage`, async () => {
    const garbage = ['<html>', '', '{"id":', '[]'].map((body) => ({ match: task, times: 1, status: 200, body }));
    await script(...garbage, { match: task, times: 1, status: 500, body: 'oops' });
    const id = await workspace();
    await click(id, vendor);
    expect(await ends(id)).toMatchObject({ status: 'completed', error: null });
    expect((await seen(double, task)).length).toBeGreaterThan(5);
    expect(await createsOf(double)).toBe(1);
  });

  test(`a video from ${vendor} that takes too long is a TIMEOUT, and is taken late without paying again`, async () => {
    await double.set({ ends: 'never', queued_ms: 0 });
    const id = await workspace();
    const since = socket.frames.length;
    await click(id, vendor);
    expect(await ends(id)).toMatchObject({ status: 'failed', error: { code: 'TIMEOUT', charged: 'maybe' } });
    await double.set({ ends: 'completed' });
    const isLate = ({ status }: Video) => status === 'completed';
    expect(await nextVideo(socket, id, isLate, since)).toMatchObject({ error: null, phase: null });
    expect(toldOf(socket, id, since).filter(isFinal)).toHaveLength(2);
    expect(await createsOf(double)).toBe(1);
  });

  test(`a video from ${vendor} waits while the key is refused in the middle, /health says so, and it goes on with the key`, async () => {
    await double.set({ ends: 'never', queued_ms: 0 });
    const id = await workspace();
    await click(id, vendor);
    await nextVideo(socket, id, hasPhase('running'));
    await double.set({ api_key: 'rotated' });
    const warning = await eventually(async () => {
      const { body } = await server.get('/health');
      return (body.warnings as string[]).find((line) => line.startsWith(`${vendor} refuses the API key`));
    });
    expect(warning).toContain('.env');
    expect((await stored(id)).video).toMatchObject({ status: 'generating', error: null });

    await double.set({ api_key: canaryKeys[vendor], ends: 'completed', running_ms: 0 });
    expect(await ends(id)).toMatchObject({ status: 'completed' });
    expect((await server.get('/health')).body.warnings).toEqual([]);
  });

  test(`an accepted task of ${vendor} that failed tells why, and whether it was charged`, async () => {
    const { unbilled, moderation } = failedTask[vendor];
    const fails = { ends: 'failed', queued_ms: 0, running_ms: 0 } as const;
    for (const [bill, charged] of [
      [{ charges: 'completed' }, 'no'],
      [{ charges: 'all' }, 'yes'],
      [{ bills: 'missing' }, unbilled],
      [{ bills: 'damaged' }, unbilled],
    ] as const) {
      await double.set({ ...fails, charges: 'completed', bills: 'told', ...bill });
      const failed = await workspace();
      await click(failed, vendor);
      const { status, error } = await ends(failed);
      expect({ bill, status, error }).toMatchObject({
        bill,
        status: 'failed',
        error: { code: 'TASK_FAILED', charged },
      });
    }

    await double.set({ bills: 'told', failure: { code: moderation, message: 'sensitive content' } });
    const moderated = await workspace();
    await click(moderated, vendor);
    expect(await ends(moderated)).toMatchObject({ error: { code: 'CONTENT_REFUSED', charged: 'no' } });
  });

  test(`a cancellation ends the video, and tells ${vendor} where its API can`, async () => {
    await double.set({ ends: 'never', queued_ms: 0 });
    const id = await workspace();
    await click(id, vendor);
    await nextVideo(socket, id, hasPhase('running'));
    const answer = await server.post('/api/generate/cancel', { workspace_id: id });
    expect(answer).toMatchObject({
      status: 200,
      body: { video: { status: 'failed', phase: null, error: { code: 'CANCELLED' } } },
    });
    expect((await ends(id)).error!.code).toBe('CANCELLED');
    expect(await seen(double, 'DELETE')).toHaveLength(vendor === 'kling' ? 0 : 1);
    expect((await server.post('/api/generate/cancel', { workspace_id: id })).body.error.code).toBe('NOT_GENERATING');
  });

  test(`a cancelled click whose create is still out is cancelled at ${vendor} when its answer comes`, async () => {
    await double.set({ ends: 'never', queued_ms: 0 });
    await script({ match: create, delay_ms: 500 });
    const id = await workspace();
    const answer = click(id, vendor);
    await eventually(async () => (await createsOf(double)) === 1);
    await server.post('/api/generate/cancel', { workspace_id: id });
    expect((await answer).body.video).toMatchObject({
      status: 'failed',
      error: { code: 'CANCELLED', charged: 'maybe' },
    });
    if (vendor !== 'kling') await eventually(async () => (await seen(double, 'DELETE')).length === 1);
    expect((await stored(id)).video.error!.code).toBe('CANCELLED');
  });

  test(`a lost answer of ${vendor} costs nothing where it can be asked, and else the user decides`, async () => {
    await script({ match: create, times: 1, accept_then_die: true });
    const id = await workspace();
    const answer = await click(id, vendor);
    if (vendor !== 'runway') {
      expect(await ends(id)).toMatchObject({ status: 'completed' });
      return expect(await createsOf(double)).toBe(1);
    }
    expect(answer).toMatchObject({ status: 502, body: { error: { code: 'SUBMIT_UNKNOWN' } } });
    expect((await server.get('/health')).body.jobs.unclear).toBeGreaterThan(0);
    expect(await click(id, vendor)).toMatchObject({ status: 409, body: { error: { code: 'SECOND_CHARGE_POSSIBLE' } } });
    expect(await createsOf(double)).toBe(1);
    const since = socket.frames.length;
    expect((await click(id, vendor, { accept_second_charge: true })).status).toBe(202);
    expect(await ends(id, since)).toMatchObject({ status: 'completed' });
    expect(await createsOf(double)).toBe(2);
  });

  test(`nobody knows what became of a create when the account at ${vendor} refuses to repeat it after its answer was lost`, async () => {
    await script(
      { match: create, times: 1, accept_then_die: true },
      { match: task, ...emptyList },
      { match: create, ...words[vendor].quota },
    );
    const id = await workspace();
    await click(id, vendor);
    expect(await ends(id)).toMatchObject({ status: 'failed', error: { code: 'SUBMIT_UNKNOWN', charged: 'maybe' } });
    expect(await createsOf(double)).toBe(1);
  });
});

test('no key of a vendor is in a log, an answer, a frame or a document', async () => {
  const logs = await readdir(server.env.LOG_DIR!);
  const texts = await Promise.all(logs.map((name) => readFile(path.join(server.env.LOG_DIR!, name), 'utf8')));
  const pages = await Promise.all(
    ['/api/workspaces', '/api/options', '/health', '/openapi.json'].map((page) => server.get(page)),
  );
  const documents = await withDatabase((workspaces) => workspaces.find().toArray());
  const everything = JSON.stringify([
    texts,
    [...answers, ...pages].map(({ body, headers }) => [body, [...headers]]),
    socket.frames,
    documents,
  ]);
  expect(documents.length).toBeGreaterThan(50);
  expect(everything).toContain('attempt_id');
  for (const key of Object.values(canaryKeys)) expect(everything).not.toContain(key);
});
