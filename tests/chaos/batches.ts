import { setTimeout as delay } from 'node:timers/promises';
import type { Batch } from '../../src/contract/batch';
import type { Workspace } from '../../src/contract/workspace';
import { settingsFor, startDoubles, stopDoubles, uploadPicture, type Doubles } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { createTally, openClient } from './client';
import { createRandom, newSeed, until } from './faults';

export type BatchesOptions = {
  shots?: number;
  /** SIGKILLs of a server, at random moments. */
  kills?: number;
  servers?: number;
  seed?: number;
  print?: (line: string) => void;
};

export type BatchesResult = {
  campaign: 'batches';
  ok: boolean;
  seed: number;
  shots: number;
  kills: number;
  servers: number;
  /** How long the answer to the press took. */
  answeredMs: number;
  /** How many batches all presses started. */
  batches: number;
  /** Items by state. */
  states: Record<string, number>;
  creates: number;
  /** The most tasks that ran at the vendors at one time. */
  mostAtOnce: number;
  /** Shots whose sent frame is not of the clip before them as it is now. */
  wrongSources: number;
  seconds: number;
};

const slots = 3;
const runningMs = 250;
/** Every third shot goes on where the one before it ends. */
const linkedEvery = 3;
/** A kill comes at a random moment of that long after a random create. */
const spreadMs = 500;
const endsWithinMs = 600_000;
/** Those that recognise a create that is sent again, so that a kill leaves nothing unclear. */
const providers = ['kling', 'pika'] as const;

/** One batch of many shots while its servers are killed again and again: each shot is created once, and all of them end. */
export async function runBatches(options: BatchesOptions = {}): Promise<BatchesResult> {
  const { shots = 300, kills = 10, servers: count = 1, seed = newSeed(), print = console.log } = options;
  const random = createRandom(seed);
  const startedAt = performance.now();
  print(`batches: seed ${seed}`);
  const doubles = await startDoubles();
  for (const name of providers) await doubles[name].set({ queued_ms: 0, running_ms: runningMs });
  const servers = await startServers(doubles, count);
  const client = openClient(() => servers[0]!.wsUrl, createTally());
  try {
    const picture = await uploadPicture(servers[0]!);
    for (let index = 0; index < shots; index++) await client.ask(newShot(index, picture));
    const pressedAt = performance.now();
    const pressed = await Promise.all(
      servers.flatMap((server) => [0, 1].map(() => server.post('/api/generate/batch', { only: 'all' }))),
    );
    const answeredMs = Math.round(performance.now() - pressedAt);

    const moments = Array.from({ length: kills }, () => Math.floor(random() * shots)).sort((a, b) => a - b);
    for (const [index, creates] of moments.entries()) {
      await until(async () => (await createsAt(doubles)) >= creates, endsWithinMs, `create ${creates}`);
      await delay(random() * spreadMs);
      const victim = Math.floor(random() * servers.length);
      await servers[victim]!.kill();
      servers[victim] = await servers[victim]!.restart();
      print(`batches: kill ${index + 1}/${kills}, ${await createsAt(doubles)}/${shots} created`);
    }
    const newest = async (): Promise<Batch> => (await servers[0]!.get('/api/batches')).body.batches[0];
    await until(async () => (await newest()).completed_at !== null, endsWithinMs, 'the end of the batch');
    const batch = await newest();
    const { body } = await servers[0]!.get('/api/workspaces');
    const states = countBy(batch.items.map(({ state, reason }) => reason?.code ?? state));
    const result = {
      creates: await createsAt(doubles),
      mostAtOnce: await mostAtOnce(doubles),
      wrongSources: wrongSources(body.workspaces as Workspace[]),
      batches: new Set(pressed.map((answer) => answer.body.batch._id)).size,
      states,
      answeredMs,
    };
    const isOnce = result.creates === shots && states.completed === shots && result.batches === 1;
    return {
      campaign: 'batches',
      ok: isOnce && result.mostAtOnce <= slots && result.wrongSources === 0,
      seed,
      shots,
      kills,
      servers: count,
      ...result,
      seconds: Math.round((performance.now() - startedAt) / 1000),
    };
  } finally {
    client.close();
    await Promise.all(servers.map((server) => server.stop()));
    await stopDoubles(doubles);
  }
}

async function startServers(doubles: Doubles, count: number): Promise<TestServer[]> {
  const settings = { ...settingsFor(doubles), VIDEO_MAX_CONCURRENT: String(slots), LOG_LEVEL: 'info' };
  const first = await startServer({ ...settings, MONGODB_URI: freshDatabase(), VIDEO_POLL_INTERVAL_MS: '100' });
  const { UPLOAD_DIR, MONGODB_URI, VIDEO_POLL_INTERVAL_MS } = first.env;
  const shared = {
    ...settings,
    UPLOAD_DIR: UPLOAD_DIR!,
    MONGODB_URI: MONGODB_URI!,
    VIDEO_POLL_INTERVAL_MS: VIDEO_POLL_INTERVAL_MS!,
  };
  const others = Array.from({ length: count - 1 }, () => startServer(shared));
  return [first, ...(await Promise.all(others))];
}

function newShot(index: number, image_path: string) {
  const isLinked = index % linkedEvery === linkedEvery - 1;
  const form_data = {
    prompt: `The lamp of lighthouse ${index} turns.`,
    provider: providers[index % providers.length],
    start: isLinked ? 'previous' : 'image',
  };
  return { type: 'workspace.create', data: { form_data, image_path } };
}

async function createsAt(doubles: Doubles): Promise<number> {
  const accepted = await Promise.all(providers.map((name) => doubles[name].accepted()));
  return accepted.flat().length;
}

/** Each task runs for the same time after its create was taken. */
async function mostAtOnce(doubles: Doubles): Promise<number> {
  const accepted = await Promise.all(providers.map((name) => doubles[name].accepted()));
  const starts = accepted.flat().map(({ at }) => Date.parse(at));
  const runAt = (time: number) => starts.filter((start) => start <= time && time < start + runningMs).length;
  return Math.max(...starts.map(runAt));
}

const wrongSources = (workspaces: Workspace[]): number =>
  workspaces.filter(
    ({ form_data: { start }, video }, index) =>
      start === 'previous' && video.from_attempt_id !== workspaces[index - 1]!.video.attempt_id,
  ).length;

function countBy(words: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
