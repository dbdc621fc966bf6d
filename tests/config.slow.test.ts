import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runServer } from './helpers/server';

test.each([
  [{ SERVER_PORT: 'abc' }, 'SERVER_PORT'],
  [{ SERVER_PORT: '70000' }, 'SERVER_PORT'],
  [{ VIDEO_POLL_INTERVAL_MS: '10' }, 'VIDEO_POLL_INTERVAL_MS'],
  [
    { VIDEO_PROVIDER: 'nobody' },
    'VIDEO_PROVIDER is "nobody", which is not a provider; choose one of kling, local, pika, runway',
  ],
  [{ VIDEO_PROVIDER: 'runway' }, 'RUNWAY_API_KEY is required when VIDEO_PROVIDER is runway'],
  [{ LLM_PROVIDER: 'claude' }, 'ANTHROPIC_API_KEY is required when LLM_PROVIDER is claude'],
  [
    { KLING_MODEL: 'kling-9' },
    'KLING_MODEL names "kling-9", which is not a model here; choose one of kling-3.0, kling-3.0-turbo, kling-2.6, kling-2.5-turbo',
  ],
  [{ PIKA_MODEL: 'pika 3' }, 'PIKA_MODEL names "pika 3", which is not a model here; choose one of pika-2.5'],
  [{ RUNWAY_MODEL: 'gen9', RUNWAY_EXTRA_MODELS: 'gen5:gen4.5' }, 'wan3_prime, gen5'],
  [
    { KLING_EXTRA_MODELS: 'kling-9:kling-8' },
    'KLING_EXTRA_MODELS names "kling-8", which is not a model here; choose one of kling-3.0,',
  ],
  [{ PIKA_EXTRA_MODELS: 'pika-3' }, 'PIKA_EXTRA_MODELS must be a comma list such as'],
  [{ RUNWAY_EXTRA_MODELS: 'gen5:gen4.5, gen6' }, 'RUNWAY_EXTRA_MODELS must be a comma list such as'],
  [{ RUNWAY_BASE_URL: 'http://api.example.com' }, 'RUNWAY_BASE_URL'],
  [
    { NODE_ENV: 'production', MONGODB_URI: 'mongodb://127.0.0.1/x', RUNWAY_BASE_URL: 'http://127.0.0.1:9' },
    'RUNWAY_BASE_URL',
  ],
  [{ OPENAI_BASE_URL: 'http://models.example.com/v1' }, 'OPENAI_BASE_URL must be an https address'],
  [{ OPENAI_BASE_URL: 'http://8.8.8.8/v1' }, 'OPENAI_BASE_URL must be an https address'],
  [{ OPENAI_BASE_URL: 'http://192.168.1.20.example.com/v1' }, 'OPENAI_BASE_URL must be an https address'],
  [{ NODE_ENV: 'production' }, 'MONGODB_URI is required when NODE_ENV is production'],
  [{ NODE_ENV: 'staging' }, 'NODE_ENV'],
  [{ HOST: '0.0.0.0' }, 'ALLOW_NETWORK=1'],
  [{ HOST: '::' }, 'HOST'],
  [{ HOST: '0' }, 'HOST'],
  [{ HOST: '127.0.0.1:3000' }, 'HOST must be an IP address or a name, without a port'],
  [{ MONGODB_URI: 'postgres://x' }, 'MONGODB_URI'],
  [{ PUBLIC_ORIGIN: 'film.example.com' }, 'PUBLIC_ORIGIN'],
  [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL'],
  [{ FFMPEG_PATH: '/nowhere/ffmpeg' }, 'FFMPEG_PATH names a file that does not exist'],
  [{ HTTPS_PROXY: 'zzz' }, 'HTTPS_PROXY must be an http, https or socks5 address'],
  [{ https_proxy: '127.0.0.1:7890' }, 'https_proxy must be an http, https or socks5 address'],
  [{ ALL_PROXY: 'ftp://proxy.example.com' }, 'ALL_PROXY must be'],
  [{ all_proxy: 'socks5:' }, 'all_proxy must be'],
  [{ HTTPS_PROXY: 'http://name:100%@proxy.example.com' }, 'HTTPS_PROXY must be'],
  [{ SERVER_PORT: '45678', WS_PORT: '45678' }, 'WS_PORT must differ from SERVER_PORT'],
  [{ UPLOAD_MAX_BYTES: '-1' }, 'UPLOAD_MAX_BYTES'],
] as [Record<string, string>, string][])(
  'the server ends with code 78 and names what is wrong: %j',
  async (env, expected) => {
    const { code, output } = await runServer(env);
    expect(code).toBe(78);
    expect(output).toContain(expected);
  },
);

test('the server demands no key for a model server whose address is wrong', async () => {
  const { output } = await runServer({ LLM_PROVIDER: 'openai', OPENAI_BASE_URL: 'http://models.example.com/v1' });
  expect(output).toContain('OPENAI_BASE_URL must be an https address');
  expect(output).not.toContain('OPENAI_API_KEY');
});

// WS_PORT is wrong on purpose: a start that ends by itself lists all that is wrong, and the address is not.
test.each([
  'http://127.0.0.1:11434/v1',
  'http://localhost:11434/v1',
  'http://[::1]:11434/v1',
  'http://192.168.1.20:8000/v1',
  'http://10.0.0.7/v1',
  'http://172.31.0.2/v1',
  'http://[fd12::7]:8000/v1',
  'http://gpu-box.local:1234/v1',
  'http://host.docker.internal:11434/v1',
])('the server takes a model server at %s in production too', async (OPENAI_BASE_URL) => {
  const { code, output } = await runServer({ NODE_ENV: 'production', OPENAI_BASE_URL, WS_PORT: 'x' });
  expect(code).toBe(78);
  expect(output).toContain('WS_PORT');
  expect(output).not.toContain('OPENAI_BASE_URL');
});

test('the server lists every wrong variable at once and shows no value of a key', async () => {
  const { code, output } = await runServer({
    SERVER_PORT: 'x',
    WS_PORT: 'y',
    RUNWAY_API_KEY: 'key with spaces canary',
    HTTPS_PROXY: 'ftp://name:canary@proxy.example.com',
  });
  expect(code).toBe(78);
  expect(output).toMatch(/SERVER_PORT[^]*WS_PORT[^]*RUNWAY_API_KEY/);
  expect(output).not.toContain('canary');
});

test('the server reads .env from the working directory, and lets the environment win over it', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-env-'));
  await writeFile(path.join(folder, '.env'), 'SERVER_PORT=from-file\nWS_PORT=also-wrong\nHOST=\n');
  const { output } = await runServer({ WS_PORT: '0' }, folder);
  expect(output).toContain('SERVER_PORT');
  expect(output).not.toContain('WS_PORT');
});

describe('a .env', () => {
  let folder: string;
  const write = (bytes: Buffer) => writeFile(path.join(folder, '.env'), bytes);
  const text = 'SERVER_PORT=from-文件\r\nHOST=\r\n';
  const swapped = (bytes: Buffer) => Buffer.from(bytes).swap16();

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-env-'));
  });

  afterEach(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ['UTF-8 with a byte order mark', Buffer.from(`\ufeff${text}`)],
    ['UTF-16 LE, as PowerShell writes it', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 BE', swapped(Buffer.from(`\ufeff${text}`, 'utf16le'))],
    ['UTF-16 LE without a mark', Buffer.from(text, 'utf16le')],
  ])('a .env in %s is read', async (_encoding, bytes) => {
    await write(bytes);
    const { code, output } = await runServer({}, folder);
    expect(code).toBe(78);
    expect(output).toMatch(/^ {2}SERVER_PORT must be a whole number$/m);
  });

  test.each([
    ['is no text', Buffer.from('\ufeffA\0=1', 'utf16le')],
    ['is in GBK', Buffer.concat([Buffer.from('UPLOAD_DIR=/tmp/'), Buffer.from([0xc3, 0xbd, 0xcc, 0xe5])])],
  ])('a .env that %s ends the start with 78 and its name', async (_what, bytes) => {
    await write(bytes);
    const { code, output } = await runServer({}, folder);
    expect(code).toBe(78);
    expect(output).toMatch(/^ {2}\.env cannot be read: .* save .*\.env as UTF-8, readable by this user$/m);
  });
});
