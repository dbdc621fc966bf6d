import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import type { AiEntry } from '../../src/contract/conversation';
import type { FormData } from '../../src/contract/form';
import type { LlmReply, LlmRequest } from '../../src/prompts/suggestion';
import type { VideoLimits } from '../../src/prompts/read-suggestion';
import type { LlmProvider } from '../../src/services/provider';
import { failureOf } from '../services/llm-provider.suite';

process.env.LLM_TIMEOUT_MS = '3000';

const { suggest } = jest.requireActual<typeof import('../../src/prompts/suggestion')>('../../src/prompts/suggestion');
const { AppError } = jest.requireActual<typeof import('../../src/utils/errors')>('../../src/utils/errors');
const { emptyForm } = jest.requireActual<typeof import('../../src/contract/defaults')>('../../src/contract/defaults');
const { config } = jest.requireActual<typeof import('../../src/config')>('../../src/config');

const limits: VideoLimits = {
  durations_s: [5, 10],
  aspect_ratios: ['16:9', '9:16'],
  prompt_max: 1000,
  negative_prompt: false,
  seed: true,
};
const target = { name: 'pika', model: limits };
const form: FormData = { ...emptyForm, camera_movement: 'static', prompt: 'she smiles' };
const json = (value: unknown) => JSON.stringify(value);

const entry = (id: number, message = `question ${id}`): AiEntry => ({
  _id: id.toString(16).padStart(24, '0'),
  message,
  suggestion: { message: `answer ${id}`, form_data: { lighting: 'soft' } },
  provider: 'openai',
  model: 'm',
  created_at: '2026-11-24T00:00:00.000Z',
});

let isImageUnseen = false;

/** A provider that does one thing after the other, and keeps what it was asked. */
function fakeProvider(...steps: (string | Error | ((signal: AbortSignal) => Promise<LlmReply>))[]) {
  const requests: LlmRequest[] = [];
  const provider: LlmProvider = {
    name: 'fake',
    settings: { names: [], problems: [], missing: [] },
    model: 'fake-1',
    async suggest(request, signal) {
      const step = steps[Math.min(requests.push(request), steps.length) - 1]!;
      if (typeof step === 'function') return step(signal);
      if (step instanceof Error) throw step;
      return { text: step, model: 'fake-1-dated', isImageUnseen };
    },
  };
  return { provider, requests };
}

const good = json({ message: 'Push in slowly.', patch: { camera_movement: 'push_in' } });

type Asked = Partial<Parameters<typeof suggest>[0]['workspace']> & { message?: string; signal?: AbortSignal };

const ask = (provider: LlmProvider, { message = 'which move?', signal, ...workspace }: Asked = {}) =>
  suggest({
    workspace: { form_data: form, ai_collaboration: [], image_path: null, ...workspace },
    message,
    provider,
    target,
    signal: signal ?? new AbortController().signal,
  });

const untilAborted = (signal: AbortSignal) =>
  new Promise<LlmReply>((_resolve, reject) => {
    const fail = () => reject(new AppError('PROVIDER_TIMEOUT', 'It did not answer in time.'));
    if (signal.aborted) fail();
    signal.addEventListener('abort', fail);
  });

describe('a question', () => {
  test('a question is answered with prose, the fields to change, and who was asked', async () => {
    const { provider } = fakeProvider(good);
    expect(await ask(provider)).toEqual({
      suggestion: { message: 'Push in slowly.', form_data: { camera_movement: 'push_in' } },
      provider: 'fake',
      model: 'fake-1-dated',
    });
  });

  test.each([
    ['which move?', 'The model proposed these changes without an explanation.'],
    ['怎么运镜？', '模型只给出了这些修改，没有说明。'],
  ])('a question that is answered by changes alone is told so in its language: %s', async (message, sentence) => {
    const { provider } = fakeProvider(json({ patch: { camera_movement: 'push_in' } }));
    const { suggestion } = await ask(provider, { message });
    expect(suggestion).toEqual({ message: sentence, form_data: { camera_movement: 'push_in' } });
  });

  test('a question tells the model the vocabulary, the limits of the video provider and the form', async () => {
    const { provider, requests } = fakeProvider(good);
    await ask(provider);
    const [request] = requests;
    expect(request?.system).toMatch(/pika[\s\S]*JSON[\s\S]*push_in[\s\S]*close_up[\s\S]*golden_hour/);
    expect(request?.system).toContain('at most 1000 characters');
    expect(request?.system).toContain('duration_s, one of: 5, 10.');
    expect(request?.system).toContain('aspect_ratio, one of: 16:9, 9:16.');
    expect(request?.question).toContain(json(form));
    expect(request?.question).toMatch(/The user asks: which move\?$/);
    expect(request).toMatchObject({ message: 'which move?', form_data: form, imageJpeg: null, history: [] });
  });

  test('a question comes with a schema that strict modes take', async () => {
    const { provider, requests } = fakeProvider(good);
    await ask(provider);
    type Schema = { properties?: Record<string, Schema>; required?: string[]; additionalProperties?: boolean };
    const visit = ({ properties, required, additionalProperties }: Schema): void => {
      if (!properties) return;
      expect(additionalProperties).toBe(false);
      expect(required).toEqual(Object.keys(properties));
      Object.values(properties).forEach(visit);
    };
    const schema = requests[0]?.schema as Schema;
    visit(schema);
    expect(Object.keys(schema.properties?.patch?.properties ?? {})).not.toContain('negative_prompt');
    expect(json(schema)).not.toMatch(/maxLength|minimum|pattern|allOf/);
  });

  test('a question brings the last eight turns, the answers as the JSON they were', async () => {
    const { provider, requests } = fakeProvider(good);
    await ask(provider, { ai_collaboration: [...Array(11).keys()].map((id) => entry(id)) });
    const history = requests[0]?.history ?? [];
    expect(history.map(({ user }) => user)).toEqual([3, 4, 5, 6, 7, 8, 9, 10].map((id) => `question ${id}`));
    expect(JSON.parse(history[0]?.assistant ?? '')).toEqual({ message: 'answer 3', patch: { lighting: 'soft' } });
  });

  test('a question brings the picture as a JPEG of at most 1568 pixels', async () => {
    const folder = path.join(config.UPLOAD_DIR, 'images');
    mkdirSync(folder, { recursive: true });
    const wide = sharp({ create: { width: 2000, height: 1000, channels: 3, background: 'red' } });
    writeFileSync(path.join(folder, 'wide.png'), await wide.png().toBuffer());
    const { provider, requests } = fakeProvider(good);
    await ask(provider, { image_path: 'uploads/images/wide.png' });
    const { format, width, height } = await sharp(requests[0]?.imageJpeg ?? Buffer.alloc(0)).metadata();
    expect({ format, width, height }).toEqual({ format: 'jpeg', width: 1568, height: 784 });
  });

  test('a question goes without the picture when the file is gone', async () => {
    const { provider, requests } = fakeProvider(good);
    const { suggestion } = await ask(provider, { image_path: 'uploads/images/gone.png' });
    expect(requests[0]?.imageJpeg).toBeNull();
    expect(requests[0]?.question).toContain('There is a picture, which you cannot see.');
    expect(suggestion.message).toMatch(
      /^Push in slowly\.\n\nThe picture could not be read, .* upload the picture again/,
    );
  });

  test.each([
    [
      'which move?',
      'Push in slowly.\n\nThe model did not take the picture, so this advice was given without seeing it; ',
    ],
    ['怎么拍？', 'Push in slowly.\n\n模型没有接受图片，'],
  ])(
    'a question tells when the picture was not seen, in the language of "%s", and the model does not read that',
    async (message, start) => {
      isImageUnseen = true;
      const { provider, requests } = fakeProvider(good);
      const { suggestion } = await ask(provider, { message }).finally(() => (isImageUnseen = false));
      expect(suggestion.message).toContain(start);
      await ask(provider, { ai_collaboration: [{ ...entry(201), suggestion }] });
      expect(JSON.parse(requests[1]?.history[0]?.assistant ?? '')).toHaveProperty('message', 'Push in slowly.');
    },
  );

  test('a question leaves out the old turns once the vendor refused them', async () => {
    const { provider, requests } = fakeProvider(new AppError('CONTENT_REFUSED', 'no'), good);
    const entries = [entry(101), entry(102)];
    expect(await failureOf(ask(provider, { ai_collaboration: entries }))).toMatchObject({ code: 'CONTENT_REFUSED' });
    await ask(provider, { ai_collaboration: [...entries, entry(103)] });
    expect(requests).toHaveLength(2);
    expect(requests[1]?.history.map(({ user }) => user)).toEqual(['question 103']);
  });
});

describe('a failed call', () => {
  const rateLimited = (retryAfterMs: number) => new AppError('PROVIDER_RATE_LIMITED', 'later', { retryAfterMs });
  const refused = (status: number) =>
    new AppError('PROVIDER_FAILED', 'no', { cause: Object.assign(new Error('vendor'), { status }) });

  test.each([
    ['PROVIDER_FAILED', new AppError('PROVIDER_FAILED', 'no')],
    ['PROVIDER_RATE_LIMITED', rateLimited(1)],
    ['a conflict', refused(409)],
    ['an overload', refused(529)],
  ])('a failed call with %s is made again', async (_what, error) => {
    const { provider, requests } = fakeProvider(error, good);
    expect((await ask(provider)).suggestion.message).toBe('Push in slowly.');
    expect(requests).toHaveLength(2);
  });

  test('a failed call is made three times at most', async () => {
    const { provider, requests } = fakeProvider(rateLimited(5));
    expect((await failureOf(ask(provider))).code).toBe('PROVIDER_RATE_LIMITED');
    expect(requests).toHaveLength(3);
  });

  test.each([
    ['PROVIDER_TIMEOUT', new AppError('PROVIDER_TIMEOUT', 'it may still be paid')],
    ['PROVIDER_AUTH', new AppError('PROVIDER_AUTH', 'no')],
    ['PROVIDER_QUOTA', new AppError('PROVIDER_QUOTA', 'no')],
    ['CONTENT_REFUSED', new AppError('CONTENT_REFUSED', 'no')],
    ['PROVIDER_NOT_CONFIGURED', new AppError('PROVIDER_NOT_CONFIGURED', 'no')],
    ['PROVIDER_BAD_REPLY', new AppError('PROVIDER_BAD_REPLY', 'no')],
    ['PROVIDER_FAILED', refused(400)],
    ['PROVIDER_FAILED', refused(413)],
    ['INTERNAL', new TypeError('a fault of ours')],
  ])('a failed call with %s is not made again (row %#)', async (code, error) => {
    const { provider, requests } = fakeProvider(error, good);
    expect((await failureOf(ask(provider))).code).toBe(code);
    expect(requests).toHaveLength(1);
  });

  test('a failed call waits half a second and more before it is made again', async () => {
    const { provider } = fakeProvider(new AppError('PROVIDER_FAILED', 'no'), good);
    const startedAt = Date.now();
    await ask(provider);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(370);
  });

  test('a failed call waits as long as the provider asks', async () => {
    const { provider } = fakeProvider(rateLimited(700), good);
    const startedAt = Date.now();
    await ask(provider);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(695);
  });

  test.each([4000, 25_000])(
    'a failed call is given up at once when the provider asks for %i ms, past the deadline',
    async (ms) => {
      const { provider, requests } = fakeProvider(rateLimited(ms), good);
      const startedAt = Date.now();
      expect(await failureOf(ask(provider))).toMatchObject({ code: 'PROVIDER_RATE_LIMITED', retryAfterMs: ms });
      expect(requests).toHaveLength(1);
      expect(Date.now() - startedAt).toBeLessThan(1000);
    },
  );
});

describe('the end of patience', () => {
  test('the end of patience comes after LLM_TIMEOUT_MS', async () => {
    const { provider, requests } = fakeProvider(untilAborted);
    const startedAt = Date.now();
    expect((await failureOf(ask(provider))).code).toBe('PROVIDER_TIMEOUT');
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2990);
    expect(Date.now() - startedAt).toBeLessThan(4500);
    expect(requests).toHaveLength(1);
  });

  test('the end of patience comes at once when the client hangs up during the call', async () => {
    const client = new AbortController();
    const { provider, requests } = fakeProvider((signal) => {
      queueMicrotask(() => client.abort());
      return untilAborted(signal);
    });
    const startedAt = Date.now();
    await failureOf(ask(provider, { signal: client.signal }));
    expect(Date.now() - startedAt).toBeLessThan(1000);
    expect(requests).toHaveLength(1);
  });

  test('the end of patience comes at once when the client hangs up between two calls', async () => {
    const client = new AbortController();
    const { provider, requests } = fakeProvider(() => {
      setImmediate(() => client.abort());
      return Promise.reject(new AppError('PROVIDER_RATE_LIMITED', 'later', { retryAfterMs: 2500 }));
    });
    const startedAt = Date.now();
    expect((await failureOf(ask(provider, { signal: client.signal }))).code).toBe('PROVIDER_RATE_LIMITED');
    expect(Date.now() - startedAt).toBeLessThan(1000);
    expect(requests).toHaveLength(1);
  });
});
