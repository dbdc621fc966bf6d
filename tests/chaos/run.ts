// npm run chaos -- NAME [--generations 300] [--kills 100] [--updates 20000] [--rounds 20] [--seed 1] ...; the names are those of `campaigns`.
// Prints its seed, lines of progress and, last, the result as one line of JSON; ends with 1 when anything was lost or paid twice.

import { startTestMongod } from '../helpers/mongod';
import { runAmbiguous } from './ambiguous';
import { runAway } from './away';
import { runBatches } from './batches';
import { runCancelling } from './cancelling';
import { runCosts } from './costs';
import { runEdits } from './edits';
import { runFiles } from './files';
import { runModel } from './model';
import { runMoney } from './money';
import { runRestarts } from './restarts';
import { runSteps } from './steps';
import { runUndelivered } from './undelivered';

type Campaign = (options: Record<string, number>) => Promise<{ ok: boolean }>;

const campaigns: Record<string, Campaign> = {
  money: runMoney,
  costs: runCosts,
  batches: runBatches,
  edits: runEdits,
  ambiguous: async (options) => (await runAmbiguous(options)).result,
  model: runModel,
  away: runAway,
  restarts: runRestarts,
  files: () => runFiles(),
  steps: async (options) => (await runSteps(options)).result,
  cancelling: async (options) => (await runCancelling(options)).result,
  undelivered: async (options) => (await runUndelivered(options)).result,
};

void run(process.argv.slice(2));

async function run([name = '', ...rest]: string[]): Promise<void> {
  const campaign = campaigns[name];
  if (!campaign) {
    console.error(`Name a campaign: ${Object.keys(campaigns).join(', ')}.`);
    process.exit(2);
  }
  const mongod = await startTestMongod();
  process.env.TEST_MONGODB_URI = mongod.uri;
  try {
    const result = await campaign(readOptions(rest));
    console.log(JSON.stringify(result));
    process.exitCode = result.ok ? 0 : 1;
  } finally {
    await mongod.stop();
  }
}

function readOptions(words: string[]): Record<string, number> {
  const options: Record<string, number> = {};
  for (let at = 0; at < words.length; at += 2) {
    const name = /^--([a-z-]+)$/i.exec(words[at]!)?.[1];
    const value = Number(words[at + 1]);
    if (!name || !Number.isFinite(value)) {
      console.error(`Options are pairs such as --seed 1; this is none: ${words.slice(at, at + 2).join(' ')}`);
      process.exit(2);
    }
    options[name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase())] = value;
  }
  return options;
}
