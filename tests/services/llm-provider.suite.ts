import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import nock from 'nock';
import sharp from 'sharp';
import type { AiEntry } from '../../src/contract/conversation';
import { emptyForm } from '../../src/contract/defaults';
import type { suggest } from '../../src/prompts/suggestion';
import type { LlmRequest } from '../../src/prompts/suggestion';
import type { VideoLimits } from '../../src/prompts/read-suggestion';
import type { LlmProvider } from '../../src/services/provider';
import type { Rule } from '../doubles/double';
import { startDouble, type StartedDouble } from '../doubles/start-double';

/** One question as suggestion.ts asks it; every test changes what it is about. */
export const question: LlmRequest = {
  system: 'You advise. Answer as JSON.',
  history: [
    { user: 'make it calmer', assistant: '{"message":"Slower.","patch":{}}' },
    { user: 'warmer', assistant: '{"message":"Gold.","patch":{"lighting":"golden_hour"}}' },
  ],
  question: 'The user asks: which move fits?',
  imageJpeg: Buffer.from('jpeg bytes'),
  schema: { type: 'object', properties: { message: { type: 'string' } } },
  message: 'which move fits?',
  form_data: emptyForm,
};

export const imageBase64 = Buffer.from('jpeg bytes').toString('base64');

/** A signal that nobody pulls. */
export const still = () => new AbortController().signal;

const llmVariables = ['OPENAI', 'ANTHROPIC', 'DASHSCOPE', 'QWEN'].flatMap((vendor) =>
  ['API_KEY', 'BASE_URL', 'MODEL', 'VERSION'].map((setting) => `${vendor}_${setting}`),
);

/** Loads a provider file anew with the given variables, as a server that was started with them has it. */
export function loadProvider(name: string, variables: Record<string, string>): LlmProvider {
  jest.resetModules();
  // Empty is "not set", and keeps the values of a developer's .env out.
  const blank = Object.fromEntries(llmVariables.map((variable) => [variable, '']));
  Object.assign(process.env, blank, variables);
  return jest.requireActual<{ default: LlmProvider }>(`../../src/services/llm-${name}`).default;
}

// Nock takes HTTP when it is imported, so also from the files that import only a helper from here.
afterAll(() => nock.restore());

/** What a call was refused with. */
export async function failureOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error('the call succeeded');
  const { code, message, retryAfterMs, cause } = error as Error & {
    code: string;
    retryAfterMs?: number;
    cause?: Error & { status?: number };
  };
  return { code, message, retryAfterMs, cause };
}

const limits: VideoLimits = {
  durations_s: [5, 10],
  aspect_ratios: ['16:9', '9:16'],
  prompt_max: 1000,
  negative_prompt: true,
  seed: false,
};

const entries: AiEntry[] = [1, 2].map((id) => ({
  _id: `${id}`.padStart(24, '0'),
  message: `question ${id}`,
  suggestion: { message: `answer ${id}`, form_data: { lighting: 'soft' } },
  provider: 'local',
  model: 'rules',
  created_at: '2026-11-24T00:00:00.000Z',
}));

export type Dialect = {
  /** The variables that lead to the double at `url`, with the key `key`. */
  variables: (url: string, key: string) => Record<string, string>;
  path: string;
  moderated: Pick<Rule, 'status' | 'body'>;
  withoutCredit: Pick<Rule, 'status' | 'body'>;
  empty: unknown;
};

/** What every LLM provider must do, tried through `suggest` against the double of its dialect. */
export function describeLlmProvider(name: 'openai' | 'claude' | 'qwen', dialect: Dialect): void {
  const key = 'sk-canary-9876543210';
  const match = `POST ${dialect.path}`;

  describe(`${name} against its double`, () => {
    let double: StartedDouble;
    let ask: (signal?: AbortSignal) => ReturnType<typeof suggest>;

    beforeAll(async () => {
      nock.restore();
      double = await startDouble(name);
      const variables = { ...dialect.variables(double.url, key), LLM_TIMEOUT_MS: '3000' };
      const provider = loadProvider(name, variables);
      const service = jest.requireActual<{ suggest: typeof suggest }>('../../src/prompts/suggestion');
      const { config } = jest.requireActual<typeof import('../../src/config')>('../../src/config');
      const folder = path.join(config.UPLOAD_DIR, 'images');
      mkdirSync(folder, { recursive: true });
      const picture = sharp({ create: { width: 320, height: 180, channels: 3, background: 'teal' } });
      writeFileSync(path.join(folder, `${name}.png`), await picture.png().toBuffer());
      ask = (signal = still()) =>
        service.suggest({
          workspace: { form_data: emptyForm, ai_collaboration: entries, image_path: `uploads/images/${name}.png` },
          message: 'which move fits?',
          provider,
          target: { name: 'runway', model: limits },
          signal,
        });
    }, 20_000);
    beforeEach(async () => {
      await double.reset();
      await double.set({ api_key: key });
    });
    afterAll(() => double.stop());

    test(`${name} gets advice and valid fields, and sends the picture once`, async () => {
      const { suggestion, provider } = await ask();
      expect(provider).toBe(name);
      expect(suggestion.message).toMatch(/push in/);
      expect(suggestion.form_data).toMatchObject({ camera_movement: 'static', shot_size: 'extreme_wide' });
      const requests = await double.requests();
      expect(requests).toHaveLength(1);
      expect(JSON.stringify(requests[0]?.body).match(/image\/jpeg/g)).toHaveLength(1);
      expect(JSON.stringify(requests[0]?.body)).toContain('question 2');
    });

    test.each<[string, Partial<Rule>, string, number | number[]]>([
      ['a moderated question', dialect.moderated, 'CONTENT_REFUSED', 1],
      ['an empty account', dialect.withoutCredit, 'PROVIDER_QUOTA', 1],
      ['a rate limit that stays', { status: 429, headers: { 'Retry-After': '0' } }, 'PROVIDER_RATE_LIMITED', 3],
      ['a long Retry-After', { status: 429, headers: { 'Retry-After': '25' } }, 'PROVIDER_RATE_LIMITED', 1],
      ['an overload that stays', { status: 503, headers: { 'Retry-After': '0' } }, 'PROVIDER_FAILED', 3],
      ['a page with 200', { status: 200, body: '<html>welcome</html>' }, 'PROVIDER_BAD_REPLY', 1],
      ['an answer with nothing in it', { status: 200, body: dialect.empty }, 'PROVIDER_BAD_REPLY', 1],
      // How many back-offs fit into the deadline depends on their jitter.
      ['an answer that is cut off', { cut: true }, 'PROVIDER_FAILED', [2, 3]],
      ['a lost connection', { accept_then_die: true }, 'PROVIDER_FAILED', [2, 3]],
      ['a redirect, which is not followed', { redirect: 'http://127.0.0.1:9/' }, 'PROVIDER_FAILED', 1],
      ['silence', { delay_ms: 5000 }, 'PROVIDER_TIMEOUT', 1],
      ['an answer that drips', { drip: { bytes: 1, every_ms: 50 } }, 'PROVIDER_TIMEOUT', 1],
      ['a gateway that gave up waiting', { status: 504, body: {} }, 'PROVIDER_TIMEOUT', 1],
    ])(`${name} tells of %s`, async (_what, rule, code, tries) => {
      await double.script([{ match, ...rule }]);
      const failure = await failureOf(ask());
      expect(failure.code).toBe(code);
      expect(failure.message).not.toContain(key);
      const { length } = await double.requests();
      expect([tries].flat()).toContain(length);
    });

    test(`${name} recovers from a short rate limit`, async () => {
      await double.script([{ match, times: 1, status: 429, headers: { 'Retry-After': '0' }, body: {} }]);
      expect((await ask()).suggestion.message).toMatch(/push in/);
      expect(await double.requests()).toHaveLength(2);
    });

    test(`${name} says that the key is wrong, after one try`, async () => {
      await double.set({ api_key: 'sk-another-one' });
      const failure = await failureOf(ask());
      expect(failure).toMatchObject({ code: 'PROVIDER_AUTH', message: expect.stringMatching(/_API_KEY/) as string });
      expect(await double.requests()).toHaveLength(1);
    });

    test(`${name} drops the call when the client hangs up`, async () => {
      await double.script([{ match, delay_ms: 5000 }]);
      const client = new AbortController();
      const call = failureOf(ask(client.signal));
      while ((await double.requests()).length === 0) await new Promise(setImmediate);
      const startedAt = Date.now();
      client.abort();
      await call;
      expect(Date.now() - startedAt).toBeLessThan(500);
      expect(await double.requests()).toHaveLength(1);
    });
  });
}
