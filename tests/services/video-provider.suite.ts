// What every video provider does, whatever its words: run against the double of its dialect, over real sockets.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import sharp from 'sharp';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { hasAudio, modelOf, resolutionOf } from '../../src/contract/model-choice';
import type { VideoJob, VideoModel, VideoProvider } from '../../src/services/provider';
import type { AppError } from '../../src/utils/errors';
import type { DoubleSettings, Rule } from '../doubles/double';
import { startDouble, type StartedDouble } from '../doubles/start-double';

type ScriptedAnswer = Pick<Rule, 'status' | 'body' | 'headers'>;

export type VideoSubject = {
  name: 'runway' | 'pika' | 'kling';
  /** Method and beginning of the path of a create, and of a question for a task. */
  create: string;
  task: string;
  moderated: ScriptedAnswer;
  outOfCredits: ScriptedAnswer;
  rateLimited: ScriptedAnswer;
  unavailable: ScriptedAnswer;
  /** A well-formed answer about a task of somebody else. */
  foreignTask: unknown;
  unknownStatus: (taskId: string) => unknown;
  /** Whether the vendor cancels tasks. */
  cancels: boolean;
};

export const canaryKey = 'key_canary0123456789abcdef';
const deadlineMs = 1000;
const folder = mkdtempSync(path.join(os.tmpdir(), 'video-provider-'));
const pictureFile = path.join(folder, 'picture.png');
const endPictureFile = path.join(folder, 'end.png');

/** Loads a provider file anew, with these variables. */
export function loadVideoProvider(name: string, variables: Record<string, string>): VideoProvider {
  Object.assign(process.env, variables);
  let provider: VideoProvider | undefined;
  jest.isolateModules(() => {
    provider = jest.requireActual<{ default: VideoProvider }>(`../../src/services/video-${name}`).default;
  });
  return provider!;
}

let pictures: Promise<unknown> | undefined;

function drawPictures(): Promise<unknown> {
  const create = { width: 640, height: 480, channels: 3 as const, background: '#888' };
  const draw = (mean: number, file: string) =>
    sharp({ create: { ...create, noise: { type: 'gaussian', mean, sigma: 30 } } })
      .png()
      .toFile(file);
  return Promise.all([draw(128, pictureFile), draw(50, endPictureFile)]);
}

/** The model that a provider makes videos with where a form names none. */
export const defaultModel = ({ models, default_model: id }: VideoProvider): VideoModel =>
  models.find((model) => model.id === id)!;

/** A job as the engine gives it to a provider, with real pictures; its free preparation is done. */
export async function makeJob(provider: VideoProvider, changes: Partial<FormData> = {}): Promise<VideoJob> {
  await (pictures ??= drawPictures());
  const form = { ...emptyForm, prompt: 'The lighthouse lamp turns.', ...changes };
  const model = modelOf(provider, form)!;
  const job: VideoJob = {
    attempt_id: randomBytes(12).toString('hex'),
    model: model.id,
    form_data: form,
    resolution: resolutionOf(model, form),
    audio: hasAudio(model, form),
    imageFile: pictureFile,
    endImageFile: form.end === 'none' ? null : endPictureFile,
    image: Buffer.alloc(0),
    endImage: null,
    prepared: null,
  };
  job.image = (await provider.image?.(job.imageFile, job)) ?? job.image;
  if (job.endImageFile) job.endImage = (await provider.image?.(job.endImageFile, job)) ?? null;
  job.prepared = (await provider.prepare?.(job, open())) ?? null;
  return job;
}

/** A signal that nobody aborts. */
export const open = (): AbortSignal => new AbortController().signal;

/** The AppError that a promise ends with; fails the test where it ends well. */
export async function errorOf(promise: Promise<unknown>): Promise<AppError> {
  return promise.then(
    (value) => Promise.reject(new Error(`no error, but ${inspect(value)}`)),
    (error: AppError) => error,
  );
}

const isBilled = (ends: DoubleSettings['ends'], charges: DoubleSettings['charges']) =>
  charges === 'all' || (charges === 'completed' && ends === 'completed');

/** The cases that every video provider passes. */
export function describeVideoProvider(subject: VideoSubject): void {
  const { name, create, task } = subject;

  describe(`the provider ${name} against its double`, () => {
    let double: StartedDouble;
    let provider: VideoProvider;

    beforeAll(async () => {
      double = await startDouble(name);
      const prefix = name.toUpperCase();
      provider = loadVideoProvider(name, {
        PROVIDER_REQUEST_TIMEOUT_MS: String(deadlineMs),
        [`${prefix}_API_KEY`]: canaryKey,
        [`${prefix}_BASE_URL`]: double.url,
      });
    });
    afterAll(() => double.stop());
    beforeEach(() => double.reset());

    const creates = async () =>
      (await double.requests()).filter((request) => `${request.method} ${request.path}`.startsWith(create));

    async function submitOne(form?: Partial<FormData>): Promise<string> {
      const submitted = await provider.submit(await makeJob(provider, form), open());
      if (submitted.state !== 'accepted') throw new Error(inspect(submitted));
      return submitted.taskId;
    }

    test(`the provider ${name} follows a task from the queue to a video that can be fetched`, async () => {
      await double.set({ queued_ms: 60_000 });
      const taskId = await submitOne();
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'queued' });

      await double.set({ queued_ms: 0, running_ms: 60_000 });
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'running' });

      await double.set({ running_ms: 0 });
      const done = (await provider.check(taskId, open())) as { state: string; url: string };
      expect(done.state).toBe('completed');
      const file = Buffer.from(await (await fetch(done.url)).arrayBuffer());
      expect(file.equals(readFileSync(path.join(__dirname, '../fixtures/clip.mp4')))).toBe(true);
      expect(await double.accepted()).toMatchObject([{ task_id: taskId }]);
    });

    test(`the provider ${name} sends what it offers: every length and every ratio is taken by the vendor`, async () => {
      const { durations_s: durations, aspect_ratios: ratios } = defaultModel(provider);
      for (const duration of durations) await submitOne({ duration_s: duration });
      for (const ratio of ratios) await submitOne({ aspect_ratio: ratio, duration_s: durations[0] });
      expect(await double.accepted()).toHaveLength(durations.length + ratios.length);
    });

    test(`the provider ${name} sends the first frame and, where a form asks for it, the last one to every model that takes it`, async () => {
      const able = provider.models.filter(({ end_image: takesEnd }) => takesEnd);
      for (const { id, durations_s: durations } of able) {
        const job = await makeJob(provider, { model: id, duration_s: durations[0], end: 'image' });
        expect(await provider.submit(job, open())).toMatchObject({ state: 'accepted' });
        const { first, last } = (await double.pictures()).at(-1)!;
        expect([id, first, last]).toEqual([id, job.image, job.endImage]);
      }
      expect(able.length).toBeGreaterThan(0);
      await submitOne();
      expect((await double.pictures()).at(-1)).toMatchObject({ last: null });
    });

    test(`the provider ${name} sends what the form says, and never more words than the vendor takes`, async () => {
      const long = { shot_size: 'x'.repeat(100), lighting: 'y'.repeat(100), camera_movement: 'z'.repeat(100) };
      const prompt = 'p'.repeat(defaultModel(provider).prompt_max - 50);
      await submitOne({ ...long, prompt, negative_prompt: 'blur', seed: 4294967295 });
      expect(await double.accepted()).toHaveLength(1);
    });

    test(`the provider ${name} adopts a video that comes late`, async () => {
      await double.set({ queued_ms: 0, running_ms: 0, ends: 'never' });
      const taskId = await submitOne();
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'running' });
      await double.set({ ends: 'completed' });
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'completed' });
    });

    test(`the provider ${name} tells a task that failed at the vendor from a question that failed`, async () => {
      await double.set({ queued_ms: 0, running_ms: 0, ends: 'failed' });
      const taskId = await submitOne();
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'failed', code: 'TASK_FAILED' });
    });

    test.each(['told', 'missing', 'damaged'] as const)(
      `the provider ${name} says what a task cost, exactly as the vendor bills it: the bill is %s`,
      async (bills) => {
        for (const ends of ['completed', 'failed'] as const) {
          for (const charges of ['completed', 'none', 'all'] as const) {
            await double.reset();
            await double.set({ queued_ms: 0, running_ms: 0, ends, charges, bills });
            const checked = await provider.check(await submitOne(), open());
            const [{ price_micros: price, billed_micros: micros } = {}] = await double.billed();
            expect([ends, charges, micros]).toEqual([ends, charges, isBilled(ends, charges) ? price : 0]);
            expect(checked).toMatchObject({
              state: ends,
              ...(bills === 'told' && { charge: { currency: 'USD', micros } }),
            });
            if (bills !== 'told') expect(checked).not.toHaveProperty('charge');
            if (bills === 'told' && ends === 'failed')
              expect(checked).toMatchObject({ charged: micros ? 'yes' : 'no' });
          }
        }
      },
    );

    test(`the provider ${name} keeps a task with an unknown status word running`, async () => {
      const taskId = await submitOne();
      await double.script([{ match: task, body: subject.unknownStatus(taskId) }]);
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'running' });
    });

    test(`the provider ${name} says that a create was refused, with our code`, async () => {
      const job = await makeJob(provider);
      for (const [answer, code] of [
        [subject.moderated, 'CONTENT_REFUSED'],
        [subject.outOfCredits, 'PROVIDER_QUOTA'],
      ] as const) {
        await double.script([{ match: create, ...answer }]);
        expect(await provider.submit(job, open())).toMatchObject({ state: 'refused', code });
      }
      await double.script([]);
      await double.set({ api_key: 'another-key' });
      expect(await provider.submit(job, open())).toMatchObject({ state: 'refused', code: 'PROVIDER_AUTH' });
      expect(await double.accepted()).toHaveLength(0);
    });

    test(`the provider ${name} says that a create was not taken, and when to come back, in seconds or as a date`, async () => {
      const job = await makeJob(provider);
      await double.script([{ match: create, ...subject.rateLimited, headers: { 'Retry-After': '7' } }]);
      expect(await provider.submit(job, open())).toMatchObject({
        state: 'not_accepted',
        code: 'PROVIDER_RATE_LIMITED',
        retryAfterMs: 7000,
      });

      const date = new Date(Date.now() + 9000).toUTCString();
      await double.script([{ match: create, ...subject.unavailable, headers: { 'Retry-After': date } }]);
      const later = (await provider.submit(job, open())) as { state: string; retryAfterMs: number };
      expect(later.state).toBe('not_accepted');
      expect(later.retryAfterMs).toBeGreaterThan(5000);
      expect(later.retryAfterMs).toBeLessThanOrEqual(9000);

      // More than a timer can hold would be no pause at all.
      await double.script([{ match: create, ...subject.rateLimited, headers: { 'Retry-After': '99999999999' } }]);
      expect(await provider.submit(job, open())).toMatchObject({ retryAfterMs: 24 * 3600 * 1000 });
      expect(await double.accepted()).toHaveLength(0);
    });

    test(`the provider ${name} throws when nobody knows whether a create was taken, after one request`, async () => {
      const faults: [Partial<Rule>, string][] = [
        [{ delay_ms: 4 * deadlineMs }, 'PROVIDER_TIMEOUT'],
        [{ drip: { bytes: 1, every_ms: 150 } }, 'PROVIDER_TIMEOUT'],
        [{ accept_then_die: true }, 'PROVIDER_FAILED'],
        [{ cut: true }, 'PROVIDER_FAILED'],
        [{ status: 500, body: '<html>oops</html>', work: true }, 'PROVIDER_FAILED'],
        [{ status: 502, body: '', work: true }, 'PROVIDER_FAILED'],
        [{ status: 504, body: '<html>gateway</html>', work: true }, 'PROVIDER_FAILED'],
        [{ status: 503, body: '<html>proxy</html>', work: true }, 'PROVIDER_FAILED'],
      ];
      for (const [fault, code] of faults) {
        const job = await makeJob(provider);
        await double.reset();
        const ready = provider.prepare ? { ...job, prepared: (await makeJob(provider)).prepared } : job;
        await double.script([{ match: create, ...fault }]);
        const error = await errorOf(provider.submit(ready, open()));
        expect([fault, error.code, error.unsent]).toEqual([fault, code, false]);
        expect(await creates()).toHaveLength(1);
        expect(await double.accepted()).toHaveLength(1);
      }
    });

    test(`the provider ${name} throws when the answer to a create makes no sense, and does not invent an id`, async () => {
      const job = await makeJob(provider);
      for (const body of [
        '<html>fine</html>',
        '',
        'null',
        '[]',
        {},
        { id: '' },
        { id: 7 },
        { code: 0, data: {} },
        { code: 0 },
      ]) {
        await double.script([{ match: create, body }]);
        expect([body, (await errorOf(provider.submit(job, open()))).code]).toEqual([body, 'PROVIDER_BAD_REPLY']);
      }
    });

    test(`the provider ${name} throws when the answer about a task makes no sense, is missing or is about another task`, async () => {
      const taskId = await submitOne();
      const faults: [Partial<Rule>, string][] = [
        [{ body: '<html>fine</html>' }, 'PROVIDER_BAD_REPLY'],
        [{ body: {} }, 'PROVIDER_BAD_REPLY'],
        [{ body: '[]' }, 'PROVIDER_BAD_REPLY'],
        [{ body: subject.foreignTask }, 'PROVIDER_BAD_REPLY'],
        [{ status: 500, body: '<html>oops</html>' }, 'PROVIDER_FAILED'],
        [{ delay_ms: 4 * deadlineMs }, 'PROVIDER_TIMEOUT'],
        [{ accept_then_die: true }, 'PROVIDER_FAILED'],
      ];
      for (const [fault, code] of faults) {
        await double.script([{ match: task, ...fault }]);
        expect([fault, (await errorOf(provider.check(taskId, open()))).code]).toEqual([fault, code]);
      }
    });

    test(`the provider ${name} tells a task that the vendor does not have from an answer that somebody else gave`, async () => {
      expect(await provider.check('no-such-task', open())).toMatchObject({ state: 'not_found' });
      const taskId = await submitOne();
      await double.script([{ match: task, status: 404, body: '<html>nginx</html>' }]);
      expect((await errorOf(provider.check(taskId, open()))).name).toBe('AppError');
      await double.reset();
      expect(await provider.check(taskId, open())).toEqual({
        state: 'not_found',
        reason: expect.stringMatching(/\w/) as string,
      });
    });

    test(`the provider ${name} throws with the time to wait when it asks for a task too often`, async () => {
      const taskId = await submitOne();
      await double.script([{ match: task, ...subject.rateLimited, headers: { 'Retry-After': '7' } }]);
      expect(await errorOf(provider.check(taskId, open()))).toMatchObject({
        code: 'PROVIDER_RATE_LIMITED',
        retryAfterMs: 7000,
      });
    });

    test(`the provider ${name} throws when the key is refused while a task runs`, async () => {
      const taskId = await submitOne();
      await double.set({ api_key: 'another-key' });
      expect((await errorOf(provider.check(taskId, open()))).code).toBe('PROVIDER_AUTH');
    });

    test(`the provider ${name} stops asking when the caller gives up`, async () => {
      const taskId = await submitOne();
      await double.script([{ match: task, delay_ms: 10_000 }]);
      const controller = new AbortController();
      const asked = errorOf(provider.check(taskId, controller.signal));
      controller.abort();
      expect((await asked).code).toBe('PROVIDER_TIMEOUT');
    });

    test(`the provider ${name} follows no redirect, so that neither the key nor the picture goes elsewhere`, async () => {
      let strangers = 0;
      const stranger = http.createServer((_request, response) => {
        strangers += 1;
        response.end('{}');
      });
      stranger.listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
      const taskId = await submitOne();
      const job = await makeJob(provider);
      await double.script([
        { match: create, redirect: address },
        { match: task, redirect: address },
      ]);
      expect((await errorOf(provider.submit(job, open()))).code).toBe('PROVIDER_FAILED');
      expect((await errorOf(provider.check(taskId, open()))).code).toBe('PROVIDER_FAILED');
      stranger.close();
      expect(strangers).toBe(0);
    });

    test(`the provider ${name} keeps the key out of errors and reasons, even when the vendor repeats it`, async () => {
      const taskId = await submitOne();
      const job = await makeJob(provider);
      const body = { code: 1002, error: `bad key ${canaryKey}`, message: `bad key ${canaryKey}` };
      await double.script([
        { match: create, status: 401, body },
        { match: task, status: 401, body },
      ]);
      const refused = await provider.submit(job, open());
      const error = await errorOf(provider.check(taskId, open()));
      expect(refused).toMatchObject({ state: 'refused', code: 'PROVIDER_AUTH' });
      expect(error.code).toBe('PROVIDER_AUTH');
      await double.script([{ match: task, accept_then_die: true }]);
      const lost = await errorOf(provider.check(taskId, open()));
      expect(inspect([refused, error, lost], { depth: 10, showHidden: true })).not.toContain(canaryKey);
    });

    test(`the provider ${name} pays once for one attempt that is sent twice, where the vendor can tell`, async () => {
      const job = await makeJob(provider);
      const first = await provider.submit(job, open());
      expect(first).toMatchObject({ state: 'accepted' });
      if (provider.deduplication === 'none') return;
      expect(await provider.submit(job, open())).toEqual(first);
      expect(await double.accepted()).toHaveLength(1);
    });

    test(`the provider ${name} finds the task of an attempt whose answer was lost, where the vendor has a list`, async () => {
      expect(provider.lookup !== undefined).toBe(provider.deduplication === 'lookup');
      if (!provider.lookup) return;
      const job = await makeJob(provider);
      expect(await provider.lookup(job.attempt_id, open())).toBeNull();
      await double.script([{ match: create, accept_then_die: true }]);
      await errorOf(provider.submit(job, open()));
      const [accepted] = await double.accepted();
      expect(await provider.lookup(job.attempt_id, open())).toBe(accepted!.task_id);
    });

    test(`the provider ${name} cancels a task, which is gone then, where the vendor can`, async () => {
      expect(provider.cancel !== undefined).toBe(subject.cancels);
      if (!provider.cancel) return;
      const taskId = await submitOne();
      await provider.cancel(taskId, open());
      expect(await provider.check(taskId, open())).toMatchObject({ state: 'not_found' });
    });

    test(`the provider ${name} throws when the vendor has not confirmed that a task is cancelled, where it can`, async () => {
      if (!provider.cancel) return;
      const taskId = await submitOne();
      const match = task.replace('GET', 'DELETE');
      for (const rule of [
        { status: 503, body: {} },
        { status: 500, body: {} },
        { status: 404, body: '<html>nginx</html>' },
      ]) {
        await double.script([{ match, ...rule }]);
        expect([rule, (await errorOf(provider.cancel(taskId, open()))).name]).toEqual([rule, 'AppError']);
      }
      await double.script([]);
      expect(await provider.check(taskId, open())).not.toMatchObject({ state: 'not_found' });
    });

    test(`the provider ${name} knows that nothing was sent when the vendor cannot be reached`, async () => {
      const job = await makeJob(provider);
      await double.stop();
      expect(await errorOf(provider.submit(job, open()))).toMatchObject({ code: 'PROVIDER_FAILED', unsent: true });
    });
  });
}
