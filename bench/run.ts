// npm run bench [-- --quick] [--soak-minutes 1] [--only starts,updates,lists,memory,push,tasks,films,exports] [--json results.json]
// Measures the built server beside the floor of its own stack on one mongod; prints lines of progress to standard error
// and, last, the table for docs/performance.md. The soak is part of `memory`.

import '../tests/helpers/setup-env';
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { mongo } from 'mongoose';
import { buildIfStale } from '../scripts/build';
import { startTestMongod } from '../tests/helpers/mongod';
import { measureExports, measureFilms } from './films';
import { measureMemory, measureSoak, measureStarts } from './process-costs';
import { startFloor, startServer } from './processes';
import { toMarkdown, type Row } from './report';
import { compareLists, compareUpdates, type Contenders } from './side-by-side';
import { measurePush, measureTasks } from './tasks';

const stages = ['starts', 'updates', 'lists', 'memory', 'push', 'tasks', 'films', 'exports'] as const;

const full = {
  starts: 5,
  sockets: [1, 20, 100],
  rounds: 5,
  load: { warmUpMs: 500, measureMs: 2000 },
  lists: [
    { size: 10, requests: 40 },
    { size: 1000, requests: 10 },
    { size: 10_000, requests: 3 },
  ],
  clips: 20,
  tasks: { tasks: 1000, pollMs: 5000, measureMs: 30_000 },
  films: { films: 50, shots: 200, requests: 20 },
  exports: 10,
};

const quick: typeof full = {
  starts: 2,
  sockets: [1, 20, 100],
  rounds: 1,
  load: { warmUpMs: 200, measureMs: 1000 },
  lists: [
    { size: 10, requests: 3 },
    { size: 1000, requests: 2 },
  ],
  clips: 2,
  tasks: { tasks: 40, pollMs: 500, measureMs: 2000 },
  films: { films: 5, shots: 20, requests: 3 },
  exports: 2,
};

void run();

async function run(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: stages.join(',') },
      'soak-minutes': { type: 'string' },
      json: { type: 'string' },
    },
  });
  const sizes = options.quick ? quick : full;
  const soakMinutes = Number(options['soak-minutes'] ?? (options.quick ? 0.2 : 1));
  const wanted = new Set(options.only.split(','));
  if (!(soakMinutes > 0) || [...wanted].some((name) => !(stages as readonly string[]).includes(name))) {
    console.error(`--soak-minutes takes a number over 0, --only some of ${stages.join(',')}.`);
    process.exit(2);
  }

  buildIfStale();
  const mongod = await startTestMongod();
  const client = await mongo.MongoClient.connect(mongod.uri);
  const uriOf = (name: string) => mongod.uri.replace(/\/[^/?]*(?=\?|$)/, `/bench-${name}`);
  const rows: Row[] = [];
  const stage = async (name: string, measure: () => Promise<Row[]>) => {
    progress(`${name} ...`);
    for (const row of await measure()) {
      rows.push(row);
      progress(`  ${[row.item, row.measured, row.ratio, row.met === false && 'not met'].filter(Boolean).join(' | ')}`);
    }
  };

  try {
    const [uri, database] = [uriOf('server'), client.db('bench-server')];
    if (wanted.has('starts')) await stage('starts', () => measureStarts(uri, sizes.starts));
    if (['updates', 'lists', 'memory'].some((name) => wanted.has(name))) {
      const contenders: Contenders = {
        server: { ...(await startServer({ MONGODB_URI: uri })), database },
        floor: { ...(await startFloor(uriOf('floor'))), database: client.db('bench-floor') },
        control: { ...(await startFloor(uriOf('control'))), database: client.db('bench-control') },
      };
      const memory = (item: string) => stage('memory', () => measureMemory(contenders.server, item));
      if (wanted.has('memory')) await memory('idle');
      for (const sockets of wanted.has('updates') ? sizes.sockets : []) {
        await stage(`updates, ${sockets}`, () => compareUpdates(contenders, { ...sizes, sockets }));
      }
      for (const list of wanted.has('lists') ? sizes.lists : []) {
        await stage(`list of ${list.size}`, () => compareLists(contenders, { ...list, rounds: sizes.rounds }));
      }
      if (wanted.has('memory')) {
        await memory('after this load');
        await stage('soak', () => measureSoak(contenders.server, soakMinutes));
      }
      for (const { stop } of Object.values(contenders)) await stop();
    }
    if (wanted.has('push')) await stage('push', () => measurePush(uri, database, sizes.clips));
    if (wanted.has('tasks')) await stage('tasks', () => measureTasks(uri, database, sizes.tasks, progress));
    if (wanted.has('films')) await stage('films', () => measureFilms(uri, database, sizes.films));
    if (wanted.has('exports')) await stage('exports', () => measureExports(uri, database, sizes.exports));

    const { version } = (await client.db('admin').command({ buildInfo: 1 })) as unknown as { version: string };
    const machine = describeMachine(version);
    console.log(`${machine}\n\n${toMarkdown(rows)}`);
    const result = { measured_at: new Date().toISOString(), machine, quick: options.quick, soakMinutes, sizes, rows };
    if (options.json) await writeFile(options.json, `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await client.close();
    await mongod.stop();
  }
}

function describeMachine(mongodVersion: string): string {
  const processors = os.cpus();
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  const load = os.loadavg()[0]!.toFixed(1);
  return `${processors.length} x ${processors[0]?.model.trim()}, ${memory}, ${os.type()}; Node ${process.versions.node}, mongod ${mongodVersion}; load average at the end ${load}`;
}

const startedMs = performance.now();
const progress = (line: string) =>
  console.error(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}`);
