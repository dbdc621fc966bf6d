import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

// Config is read at import, so each test file gets folders of its own before anything of `src` is loaded.
const folder = mkdtempSync(path.join(os.tmpdir(), 'video-maker-test-'));

Object.assign(process.env, {
  NODE_ENV: 'test',
  LOG_LEVEL: 'error',
  DATA_DIR: path.join(folder, 'data'),
  UPLOAD_DIR: path.join(folder, 'uploads'),
  LOG_DIR: path.join(folder, 'logs'),
  VIDEO_POLL_INTERVAL_MS: '50',
  PUBLIC_ORIGIN: '',
  VIDEO_PROVIDER: '',
  LLM_PROVIDER: '',
});

// Nor does the proxy of the machine that runs the tests.
for (const name of ['HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY']) process.env[name] = process.env[name.toLowerCase()] = '';

// A developer's keys in .env never reach a test; a file that needs a provider sets its own before importing it.
for (const vendor of ['RUNWAY', 'PIKA', 'KLING', 'OPENAI', 'ANTHROPIC', 'DASHSCOPE']) {
  for (const name of ['API_KEY', 'BASE_URL', 'MODEL']) process.env[`${vendor}_${name}`] ??= '';
}
