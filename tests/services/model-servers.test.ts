import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import sharp from 'sharp';
import { config } from '../../src/config';
import { emptyForm } from '../../src/contract/defaults';
import { suggest, type LlmRequest } from '../../src/prompts/suggestion';
import { chat, type ChatServer } from '../../src/services/chat-completions';
import { asIfAnswers, finalFaults, refusals, type Asked } from '../fixtures/llm/refusals';
import { replies } from '../fixtures/llm/replies';
import { failureOf, question, still } from './llm-provider.suite';

type Row = { answer: (body: Asked) => { status: number; body: unknown }; asked: Asked[] };

const good = {
  status: 200,
  body: { choices: [{ message: { content: '{"message":"Push in slowly.","patch":{"camera_movement":"push_in"}}' } }] },
};
const streamed = {
  status: 200,
  body: `data: ${JSON.stringify({ choices: [{ delta: good.body.choices[0]?.message }] })}\n\ndata: [DONE]\n\n`,
};
const unseen = 'was given without seeing it';
const limits = {
  durations_s: [5, 10],
  aspect_ratios: ['16:9' as const],
  prompt_max: 1000,
  negative_prompt: true,
  seed: true,
};

const rows = new Map<string, Row>();
let listener: http.Server;
let url: string;

async function handle(incoming: http.IncomingMessage, response: http.ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const row = rows.get(incoming.url?.split('/')[1] ?? '')!;
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
  row.asked.push(asked);
  const { status, body } = row.answer(asked);
  const isText = typeof body === 'string';
  response.writeHead(status, { 'Content-Type': isText ? 'text/event-stream' : 'application/json' });
  response.end(isText ? body : JSON.stringify(body));
}

/** A model server that is met for the first time. */
function meet(answer: Row['answer']) {
  const name = `row${rows.size}`;
  const row: Row = { answer, asked: [] };
  rows.set(name, row);
  const server: ChatServer = {
    label: 'The server',
    baseUrl: `${url}/${name}/v1`,
    keyVariable: 'THE_KEY',
    model: 'any-model',
    modelVariable: 'THE_MODEL',
    fields: { max_tokens: 4096 },
    classify: () => undefined,
  };
  const provider = {
    name: 'openai',
    model: 'any-model',
    suggest: (request: LlmRequest, signal: AbortSignal) => chat(server, request, signal),
  };
  const ask = () =>
    suggest({
      workspace: { form_data: emptyForm, ai_collaboration: [], image_path: 'uploads/images/shot.png' },
      message: 'which move fits?',
      provider,
      target: { name: 'runway', model: limits },
      signal: still(),
    });
  return { asked: row.asked, ask, askOnce: () => chat(server, question, still()) };
}

beforeAll(async () => {
  const folder = path.join(config.UPLOAD_DIR, 'images');
  mkdirSync(folder, { recursive: true });
  const picture = sharp({ create: { width: 320, height: 180, channels: 3, background: 'teal' } });
  writeFileSync(path.join(folder, 'shot.png'), await picture.png().toBuffer());
  listener = http.createServer((incoming, response) => void handle(incoming, response));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
});

afterAll(() => new Promise((resolve) => listener.close(resolve)));

describe('a question that a server does not understand', () => {
  test.each(refusals.map((row) => [row.server, row.what, row] as const))(
    'a question that a server does not understand is asked of %s in a simpler form: %s',
    async (_server, _what, row) => {
      const { asked, ask } = meet((body) => (row.refuses(body) ? row : body.stream ? streamed : good));
      const { suggestion } = await ask();
      expect(asked).toHaveLength(row.requests);
      expect(suggestion.form_data).toEqual({ camera_movement: 'push_in' });
      expect(suggestion.message.startsWith('Push in slowly.')).toBe(true);
      expect(suggestion.message.includes(unseen)).toBe(row.isImageUnseen);
      const last = JSON.stringify(asked.at(-1));
      expect(last.includes('data:image/jpeg')).toBe(!row.isImageUnseen);
      expect(last.includes('There is a picture, which you cannot see.')).toBe(row.isImageUnseen);
      expect(last).toContain('You advise people who turn one still picture');

      const again = await ask();
      expect(asked).toHaveLength(row.requests + row.requestsLater);
      expect(again.suggestion.message.includes(unseen)).toBe(row.isImageUnseen);
    },
  );

  test('a question that a server does not understand keeps its schema where only the picture was refused', async () => {
    const { refuses, status, body } = refusals.find(({ what }) => what === '1210, which names nothing')!;
    const { asked, ask } = meet((sent) => (refuses(sent) ? { status, body } : good));
    await ask();
    expect(asked.at(-1)).toMatchObject({ max_tokens: 4096, response_format: { type: 'json_schema' } });
  });

  test('a question that a server does not understand is given up after eight requests at most', async () => {
    const words = ['json_schema', 'no', 'grammar', 'System role not supported', 'max_tokens', 'image_url'];
    const { asked, askOnce } = meet(() => ({ status: 400, body: { error: words[asked.length - 1] ?? 'no' } }));
    expect((await failureOf(askOnce())).code).toBe('PROVIDER_FAILED');
    expect(asked.length).toBeLessThanOrEqual(8);
  });

  test('a question that a server does not understand is too long where nothing can be left out any more, and then the sentence names the model', async () => {
    const error = { message: 'the request exceeds the available context size', type: 'exceed_context_size_error' };
    const { asked, askOnce } = meet(() => ({ status: 400, body: { error } }));
    expect((await failureOf(askOnce())).message).toMatch(/too long for any-model; set THE_MODEL/);
    expect(asked).toHaveLength(2);
  });
});

describe('what no simpler form helps against', () => {
  test.each(finalFaults)(
    'a question that no simpler form helps is asked once: %s (%i)',
    async (_what, status, body, code, sentence) => {
      const { asked, askOnce } = meet(() => ({ status, body }));
      const failure = await failureOf(askOnce());
      expect(failure).toMatchObject({ code, message: expect.stringMatching(sentence) as string });
      expect(asked).toHaveLength(1);
    },
  );
});

describe('what asking again does not mend', () => {
  test.each(asIfAnswers)(
    'a question that asking again does not mend is asked once: %s',
    async (_what, body, code, sentence) => {
      const { asked, ask } = meet(() => ({ status: 200, body }));
      expect(await failureOf(ask())).toMatchObject({ code, message: expect.stringMatching(sentence) as string });
      expect(asked).toHaveLength(1);
    },
  );
});

describe('an answer', () => {
  test.each(replies)('an answer of %s is read: %s', async (_server, _what, body) => {
    const { asked, ask } = meet(() => ({ status: 200, body }));
    const { suggestion, model } = await ask();
    expect(suggestion).toEqual({ message: 'Push in slowly.', form_data: { camera_movement: 'push_in' } });
    expect(model).toBe('any-model');
    expect(asked).toHaveLength(1);
  });
});
