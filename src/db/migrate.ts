import { migrateGenerationStates } from './migrations/001-generation-states';
import { dropFence } from './migrations/002-drop-fence';
import { moveReorderKeys } from './migrations/003-reorder-keys';
import { addFilms } from './migrations/004-films';
import { addCutsAndFileFacts } from './migrations/005-cuts-and-file-facts';
import { addModelsAndCosts } from './migrations/006-models-and-costs';
import { addContinuity } from './migrations/007-continuity';

/** Run in this order at every start, since an older version may have run in between; each is safe to repeat and to interrupt. */
const migrations = [
  migrateGenerationStates,
  dropFence,
  moveReorderKeys,
  addFilms,
  addCutsAndFileFacts,
  addModelsAndCosts,
  addContinuity,
];

/** Migrates the documents of all older versions to the current shape, and changes nothing else. */
export async function migrate(): Promise<void> {
  for (const migration of migrations) await migration();
}
