import { buildIfStale } from '../../scripts/build';
import { startTestMongod } from './mongod';

/** One real mongod and one fresh build for the whole run. */
export default async function globalSetup(): Promise<void> {
  buildIfStale(['server']);
  const mongod = await startTestMongod();
  process.env.TEST_MONGODB_URI = mongod.uri;
  Object.assign(globalThis, { stopTestMongod: () => mongod.stop() });
}
