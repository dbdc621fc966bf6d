import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { mongo } from 'mongoose';
import { startServer, type TestServer } from '../helpers/server';
import { createTally, openClient, type ChaosClient, type Tally } from './client';
import { createRandom, newSeed, startFaultyMongod } from './faults';

export type EditsOptions = {
  updates?: number;
  sockets?: number;
  seed?: number;
  /** The pause in the typing after which a browser sends. */
  rhythmMs?: number;
  /** How many of the updates are followed by a cut of the connection. */
  disconnectRate?: number;
  mongodKills?: number;
  mongodFreezes?: number;
  freezeMs?: number;
  serverKills?: number;
  /** How many servers work on the database, each with its share of the sockets. */
  servers?: number;
  print?: (line: string) => void;
};

export type EditsResult = Tally & {
  campaign: 'edits';
  ok: boolean;
  seed: number;
  updates: number;
  sockets: number;
  seconds: number;
  acknowledged: number;
  /** Acknowledged, and not among the steps of the stored version. */
  lost: number;
  appliedTwice: number;
  /** Fields that do not hold the last value that their only writer was acknowledged. */
  overwritten: number;
  disconnects: number;
  mongodKills: number;
  mongodFreezes: number;
  serverKills: number;
};

/** Two sockets share a workspace, each with fields of its own, so that each field has one writer. */
const socketsPerWorkspace = 2;
const fieldsOf = [
  ['prompt', 'camera_movement'],
  ['negative_prompt', 'lighting'],
] as const;

const progressEveryMs = 5000;
const settleWithinMs = 60_000;
const timeout = Symbol('timeout');

/** Edits from many sockets while the database and the server are killed and frozen; counts what was acknowledged and lost. */
export async function runEdits(options: EditsOptions = {}): Promise<EditsResult> {
  const { updates = 20_000, sockets = 20, rhythmMs = 300, disconnectRate = 0.05, freezeMs = 10_000 } = options;
  const { mongodKills = 5, mongodFreezes = 5, serverKills = 5, seed = newSeed(), print = console.log } = options;
  const { servers: serverCount = 1 } = options;
  const random = createRandom(seed);
  const tally = createTally();
  const counts = { acknowledged: 0, disconnects: 0, mongodKills: 0, mongodFreezes: 0, serverKills: 0 };
  const steps = new Map<string, { sent: number; acknowledged: number }>();
  let lastAnswerAt = performance.now();
  const startedAt = performance.now();
  print(`edits: seed ${seed}`);

  const mongod = await startFaultyMongod();
  const servers: TestServer[] = [];
  for (let index = 0; index < serverCount; index++) {
    const shared: Record<string, string> = servers[0] ? { UPLOAD_DIR: servers[0].env.UPLOAD_DIR! } : {};
    servers.push(await startServer({ MONGODB_URI: mongod.uri, LOG_LEVEL: 'info', ...shared }));
  }
  // Those who share a workspace sit at different servers.
  const clients = Array.from({ length: sockets }, (_, index) =>
    openClient(() => servers[index % serverCount]!.wsUrl, tally),
  );
  const progress = setInterval(() => print(progressLine()), progressEveryMs);
  try {
    const ids = await createWorkspaces(clients);
    for (const id of ids) steps.set(id, { sent: 0, acknowledged: 0 });
    const lastSent = new Map<string, string>();
    const durationMs = (updates / sockets) * rhythmMs;
    const editing = clients.map((client, index) => edit(client, index, ids, lastSent));
    await Promise.all([
      ...editing,
      attack(spread([...repeat(mongodKills, killMongod), ...repeat(mongodFreezes, freezeMongod)], durationMs)),
      attack(spread(repeat(serverKills, killServer), durationMs)),
    ]);
    const { lost, appliedTwice, overwritten } = await judge(lastSent);
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const isWhole =
      counts.acknowledged === updates && lost + appliedTwice + overwritten + tally.late + tally.surplus === 0;
    const isQuiet = Object.keys(tally.answers).every((answer) => expectedAnswers.has(answer));
    const result = {
      campaign: 'edits',
      ok: isWhole && isQuiet,
      seed,
      updates,
      sockets,
      seconds,
      lost,
      appliedTwice,
      overwritten,
    };
    print(progressLine());
    return { ...result, ...counts, ...tally } as EditsResult;
  } finally {
    clearInterval(progress);
    clients.forEach((client) => client.close());
    await Promise.all(servers.map(({ kill }) => kill()));
    await mongod.stop();
    for (const { folder } of servers) await rm(folder, { recursive: true, force: true });
  }

  function progressLine(): string {
    const { acknowledged, ...faults } = counts;
    return `edits: ${acknowledged}/${updates} acknowledged, ${tally.late} late, slowest ${tally.slowestMs} ms, ${JSON.stringify(faults)}`;
  }

  async function edit(client: ChaosClient, index: number, ids: string[], lastSent: Map<string, string>): Promise<void> {
    const id = ids[Math.floor(index / socketsPerWorkspace)]!;
    const fields = fieldsOf[index % socketsPerWorkspace]!;
    const share = Math.floor(updates / sockets) + (index < updates % sockets ? 1 : 0);
    const asked: Promise<void>[] = [];
    await delay(random() * rhythmMs);
    for (let number = 1; number <= share; number++) {
      const field = fields[Math.floor(random() * fields.length)]!;
      const value = `${index}.${number}`;
      lastSent.set(`${id} ${field}`, value);
      const message = { type: 'workspace.update', workspace_id: id, updates: { form_data: { [field]: value } } };
      steps.get(id)!.sent++;
      asked.push(
        client.ask(message).then((answer) => {
          if (answer.type === 'workspace.sync_confirm') acknowledge(id);
          else print(`edits: ${JSON.stringify(answer)}`);
        }),
      );
      if (random() < disconnectRate) {
        counts.disconnects++;
        client.disconnect();
      }
      await delay(rhythmMs);
    }
    const settled = await Promise.race([Promise.all(asked), silence()]);
    if (settled === timeout) print(`edits: socket ${index} still waits for ${client.waiting()} answers`);
  }

  function acknowledge(id: string): void {
    counts.acknowledged++;
    steps.get(id)!.acknowledged++;
    lastAnswerAt = performance.now();
  }

  async function silence(): Promise<typeof timeout> {
    while (performance.now() - lastAnswerAt < settleWithinMs) await delay(1000, undefined, { ref: false });
    return timeout;
  }

  async function judge(lastSent: Map<string, string>) {
    const { body } = await servers[0]!.get('/api/workspaces');
    let lost = 0;
    let appliedTwice = 0;
    for (const { _id: id, version } of body.workspaces) {
      const { sent, acknowledged } = steps.get(id)!;
      lost += Math.max(0, acknowledged - (version - 1));
      appliedTwice += Math.max(0, version - 1 - sent);
    }
    const stored = new Map<string, string>();
    for (const { _id: id, form_data: form } of body.workspaces) {
      for (const field of fieldsOf.flat()) stored.set(`${id} ${field}`, form[field]);
    }
    const wrong = [...lastSent].filter(([key, value]) => stored.get(key) !== value);
    for (const [key, value] of wrong) print(`edits: ${key} is ${stored.get(key)}, acknowledged last was ${value}`);
    if (appliedTwice > 0) for (const line of await storedTwice(mongod.uri)) print(`edits: ${line}`);
    return { lost, appliedTwice, overwritten: wrong.length };
  }

  function spread(faults: (() => Promise<void>)[], durationMs: number): { atMs: number; fault: () => Promise<void> }[] {
    const shuffled = faults.map((fault) => ({ fault, rank: random() })).sort((a, b) => a.rank - b.rank);
    const slotMs = durationMs / shuffled.length;
    return shuffled.map(({ fault }, index) => ({ fault, atMs: (index + 0.1 + 0.3 * random()) * slotMs }));
  }

  async function killMongod(): Promise<void> {
    await mongod.kill();
    counts.mongodKills++;
  }

  async function freezeMongod(): Promise<void> {
    await mongod.freeze();
    counts.mongodFreezes++;
    await delay(freezeMs);
    await mongod.thaw();
  }

  async function killServer(): Promise<void> {
    const index = counts.serverKills++ % serverCount;
    await servers[index]!.kill();
    servers[index] = await servers[index]!.restart();
  }
}

/** What the log of the database says of values that were stored more than once: at which versions. */
async function storedTwice(uri: string): Promise<string[]> {
  const client = await mongo.MongoClient.connect(uri);
  try {
    const entries = client
      .db('local')
      .collection('oplog.rs')
      .find({ op: 'u', 'o.diff.u.version': { $exists: true } });
    const versionsOf = new Map<string, number[]>();
    for await (const { o, o2 } of entries) {
      const { u, sform_data: form } = o.diff as { u: { version: number }; sform_data?: { u?: Record<string, string> } };
      for (const [field, value] of Object.entries(form?.u ?? {})) {
        const name = `${o2._id} ${field} ${value}`;
        versionsOf.set(name, [...(versionsOf.get(name) ?? []), u.version]);
      }
    }
    const twice = [...versionsOf].filter(([, versions]) => versions.length > 1);
    return twice.map(([name, versions]) => `${name} was stored as versions ${versions.join(' and ')}`);
  } finally {
    await client.close();
  }
}

const expectedAnswers = new Set(['workspace.created', 'workspace.sync_confirm', 'DATABASE_UNAVAILABLE', 'BUSY']);

async function createWorkspaces(clients: ChaosClient[]): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < clients.length; index += socketsPerWorkspace) {
    const { workspace } = await clients[index]!.ask({ type: 'workspace.create' });
    ids.push(workspace._id);
  }
  return ids;
}

async function attack(faults: { atMs: number; fault: () => Promise<void> }[]): Promise<void> {
  const startedAt = performance.now();
  for (const { atMs, fault } of faults) {
    await delay(Math.max(0, atMs - (performance.now() - startedAt)));
    await fault();
  }
}

const repeat = <Value>(times: number, value: Value): Value[] => Array.from({ length: times }, () => value);
