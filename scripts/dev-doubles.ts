// Runs the server with fake providers, so that each one can be tried without a key or a bill.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { startDouble, type DialectName } from '../tests/doubles/start-double';

const dialects: DialectName[] = ['runway', 'pika', 'kling', 'openai', 'claude', 'qwen'];
const key = 'double-key';

// Slow enough to see each phase in the browser.
const taskTimes = { queued_ms: 3000, running_ms: 9000 };

async function main(): Promise<number> {
  const doubles = await Promise.all(dialects.map((dialect) => startDouble(dialect)));
  await Promise.all(doubles.map((double) => double.set(taskTimes)));
  const [runway, pika, kling, openai, claude, qwen] = doubles.map(({ url }) => url);
  dialects.forEach((dialect, index) => process.stdout.write(`double ${dialect} at ${doubles[index]!.url}\n`));

  const server = spawn(process.execPath, ['--import', 'tsx', 'src/server.ts'], {
    cwd: path.join(__dirname, '..'),
    stdio: 'inherit',
    env: {
      VIDEO_PROVIDER: 'runway',
      LLM_PROVIDER: 'openai',
      ...process.env,
      NODE_ENV: 'development',
      RUNWAY_API_KEY: key,
      RUNWAY_BASE_URL: runway,
      PIKA_API_KEY: key,
      PIKA_BASE_URL: pika,
      KLING_API_KEY: key,
      KLING_BASE_URL: kling,
      OPENAI_API_KEY: key,
      OPENAI_BASE_URL: `${openai}/v1`,
      ANTHROPIC_API_KEY: key,
      ANTHROPIC_BASE_URL: claude,
      DASHSCOPE_API_KEY: key,
      DASHSCOPE_BASE_URL: `${qwen}/compatible-mode/v1`,
    },
  });
  // A terminal sends Ctrl-C to the server too, and a second one would end it at once; so this process just waits.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => server.kill('SIGTERM'));
  const [code] = (await once(server, 'exit')) as [number | null];
  await Promise.all(doubles.map((double) => double.stop()));
  return code ?? 0;
}

void main().then((code) => process.exit(code));
