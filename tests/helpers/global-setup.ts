import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { startTestMongod } from './mongod';

const root = path.resolve(__dirname, '../..');

/** One real mongod and one fresh build for the whole run. */
export default async function globalSetup(): Promise<void> {
  process.env.LOG_DIR = path.join(root, 'logs');
  if (isStale()) execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], { cwd: root });
  const mongod = await startTestMongod();
  process.env.TEST_MONGODB_URI = mongod.uri;
  Object.assign(globalThis, { stopTestMongod: () => mongod.stop() });
}

/** Whether the build is older than the sources. */
function isStale(): boolean {
  const built = path.join(root, 'dist/server.js');
  if (!existsSync(built)) return true;
  const builtAt = statSync(built).mtimeMs;
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return sources.some((file) => /\.ts$/.test(file) && !file.startsWith('web') && statSync(path.join(root, 'src', file)).mtimeMs > builtAt);
}
