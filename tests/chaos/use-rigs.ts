import { closeRigs, openRigs, resetRigs, type Rigs } from './rig';

/** A rig for each vendor: opened before the tests of a file, put back after each of them, and closed after the last. */
export function useRigs(settings: Record<string, string>): Rigs {
  // Filled before the first test.
  const rigs = {} as Rigs;
  beforeAll(async () => void Object.assign(rigs, await openRigs(settings)));
  afterEach(() => resetRigs(rigs));
  afterAll(() => closeRigs(rigs));
  return rigs;
}
