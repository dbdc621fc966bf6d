import { readFile } from 'node:fs/promises';
import path from 'node:path';
import axios from 'axios';
import { config } from '../../src/config';
import { flushLogs, logger } from '../../src/utils/logger';

const canary = 'key-canary-4711';

test('an error of axios is written without the key of its request, with its cause', async () => {
  const refused = await axios
    .post('http://127.0.0.1:1/', { a: 1 }, { headers: { Authorization: `Bearer ${canary}` } })
    .catch((error: unknown) => error);
  logger.error('request failed', { workspace_id: 'w1', error: new Error('outer', { cause: refused }) });
  logger.error('request failed', { error: refused });
  await flushLogs();

  const text = await readFile(path.join(config.LOG_DIR, 'combined.log'), 'utf8');
  expect(text).not.toContain(canary);
  const [first] = text.split('\n').map((line) => (line ? JSON.parse(line) : {}) as Record<string, unknown>);
  expect(first).toMatchObject({ level: 'error', message: 'request failed', workspace_id: 'w1' });
  expect(first).toMatchObject({ error: { message: 'outer', cause: { code: 'ECONNREFUSED' } } });
});
