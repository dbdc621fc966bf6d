import { startFaultyMongod, type FaultyMongod } from './faults';
import { openBench, playSequence, runModel, type Action, type Bench } from './model';

test('all clients, the list and the model agree after any sequence of messages', async () => {
  const { ok, seed, failure } = await runModel({ sequences: 40, print: () => undefined });
  if (!ok) throw new Error(`seed ${seed}: ${failure}`);
}, 120_000);

test('the clients of two films agree with their own film, and hear nothing of the other', async () => {
  const { ok, seed, failure } = await runModel({ sequences: 40, films: 2, print: () => undefined });
  if (!ok) throw new Error(`seed ${seed}: ${failure}`);
}, 120_000);

describe('sequences that once broke', () => {
  let mongod: FaultyMongod;
  let bench: Bench;

  beforeAll(async () => {
    mongod = await startFaultyMongod();
    bench = await openBench(mongod.uri);
  }, 60_000);

  afterAll(async () => {
    await bench.close();
    await mongod.stop();
  });

  const by =
    (client: number) =>
    (kind: Action['kind'], target = 0): Action => ({ client, kind, target });
  const [one, other] = [by(0), by(1)];

  test('a second delete that is sent again does not delete what was brought back', async () => {
    const rounds = [[one('create')], [one('delete')], [other('delete')], [one('restore')], [other('resend')]];
    await playSequence(bench, { clients: 2, rounds });
  });

  test('a restore of what was there that is sent again does not bring back what was deleted', async () => {
    const rounds = [[one('create')], [other('restore')], [one('delete')], [other('resend')]];
    await playSequence(bench, { clients: 2, rounds });
  });
});
