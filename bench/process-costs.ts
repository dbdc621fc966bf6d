import type { mongo } from 'mongoose';
import { loadUpdates, timedGet } from './load';
import { startServer, type Usage } from './processes';
import { mebibytes, milliseconds, type Row } from './report';
import type { Contender } from './side-by-side';
import { median } from './statistics';
import { seedWorkspaces } from './workspaces';

const readyWithinMs = 1500;
const soakSockets = 20;
const soakPauseMs = 200;
const soakParts = 12;
/** Less than a collection leaves to chance. */
const steadyWithinBytes = 2 ** 20;

/** From the start of the process to its line that it listens, with the database up. */
export async function measureStarts(uri: string, starts: number): Promise<Row[]> {
  const times: number[] = [];
  for (let start = 0; start < starts; start++) {
    const server = await startServer({ MONGODB_URI: uri }, true);
    times.push(server.readyMs);
    await server.stop();
  }
  return [
    {
      item: `Start to ready, median of ${starts}`,
      measured: milliseconds(median(times)),
      target: `<= ${readyWithinMs} ms`,
      met: median(times) <= readyWithinMs,
      values: { medianMs: median(times), slowestMs: Math.max(...times) },
    },
  ];
}

/** The memory of the server with a short timeline that was listed once. */
export async function measureMemory({ url, usage, database }: Contender, item: string): Promise<Row[]> {
  await listShort(url, database);
  return [memoryRow(item, await usage())];
}

/** Memory under a steady load; the heap at the beginning and at the end is compared, each after a garbage collection. */
export async function measureSoak({ url, wsUrl, usage, database }: Contender, minutes: number): Promise<Row[]> {
  const ids = await listShort(url, database);
  const samples: Usage[] = [];
  for (let part = 0; part < soakParts; part++) {
    const load = { warmUpMs: 0, measureMs: (minutes * 60_000) / soakParts, pauseMs: soakPauseMs };
    await loadUpdates(wsUrl, ids.slice(0, soakSockets), load);
    await timedGet(`${url}/api/workspaces`);
    samples.push(await usage());
  }
  const heapOf = (part: Usage[]) => median(part.map(({ heapBytes }) => heapBytes));
  const grownBytes = heapOf(samples.slice(-3)) - heapOf(samples.slice(1, 4));
  return [
    memoryRow(`after ${minutes} min of steady load`, samples.at(-1)!),
    {
      item: `Growth of the heap over these ${minutes} min`,
      measured: `${grownBytes < 0 ? '-' : ''}${mebibytes(Math.abs(grownBytes))}`,
      target: `< ${mebibytes(steadyWithinBytes)}`,
      met: grownBytes < steadyWithinBytes,
      values: { grownBytes },
    },
  ];
}

async function listShort(url: string, database: mongo.Db): Promise<string[]> {
  const ids = await seedWorkspaces(database, 100);
  await timedGet(`${url}/api/workspaces`);
  return ids;
}

const memoryRow = (item: string, { rssBytes, heapBytes }: Usage): Row => ({
  item: `Memory, ${item}`,
  measured: `${mebibytes(rssBytes)} resident, ${mebibytes(heapBytes)} heap`,
  values: { rssBytes, heapBytes },
});
