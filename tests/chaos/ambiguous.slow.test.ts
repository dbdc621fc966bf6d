import { freshDatabase } from '../helpers/server';
import { vendors } from '../helpers/generating';
import { kinds, runAmbiguous, type AmbiguousResult, type Trial } from './ambiguous';

let trials: Trial[];
let result: AmbiguousResult;

beforeAll(async () => {
  const ran = await runAmbiguous({ rounds: 1, uri: freshDatabase(), print: () => undefined });
  trials = ran.all;
  result = ran.result;
}, 120_000);

describe.each(vendors)('an answer of %s that says nothing of a paid create', (vendor) => {
  test.each(kinds.map(({ name }) => name))(`a create at ${vendor} is paid once at most when this comes: %s`, (name) => {
    const { kind, video, creates } = trials.find((trial) => trial.vendor === vendor && trial.kind.name === name)!;
    if (vendor === 'runway') {
      expect(video).toMatchObject({ status: 'failed', error: { code: 'SUBMIT_UNKNOWN', charged: 'maybe' } });
      expect(creates).toBe(kind.isTaken ? 1 : 0);
      return;
    }
    expect(video).toMatchObject({ status: 'completed', error: null });
    expect(creates).toBe(1);
  });
});

test('no redirect carries a paid request or a key to another host', () => {
  expect(result.redirectsFollowed).toBe(0);
});
