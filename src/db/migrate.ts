import { statesOfTheEngine } from './migrations/001-states-of-the-engine';
import { noFence } from './migrations/002-no-fence';
import { keysOfReorders } from './migrations/003-keys-of-reorders';

/** Run in this order at every start, since an older version may have written again; each may be repeated, or killed at any point. */
const migrations = [statesOfTheEngine, noFence, keysOfReorders];

/** Migrates the documents of every older version to the present shape, and changes nothing else. */
export async function migrate(): Promise<void> {
  for (const step of migrations) await step();
}
