import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startEmbedded, type Embedded } from '../../src/db/embedded/embedded';

/** Starts a real mongod, the same as without MONGODB_URI, on a folder that `stop` removes again. */
export async function startTestMongod(): Promise<Embedded> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-mongod-'));
  const { uri, stop } = await startEmbedded(folder);
  return {
    uri,
    stop: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
