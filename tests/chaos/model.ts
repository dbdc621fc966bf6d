import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import { startServer, type TestServer } from '../helpers/server';
import { createTally, openClient, type ChaosClient, type Frame } from './client';
import { newSeed, startFaultyMongod } from './faults';
import { createReplica, type Replica } from './replica';

/** One thing that a client does; numbers choose among what there is at that moment. */
export type Action = {
  client: number;
  kind: 'create' | 'update' | 'delete' | 'restore' | 'reorder' | 'disconnect' | 'resend';
  target: number;
};

/** Rounds of actions at the same time; a round ends when each is answered. */
export type Sequence = { clients: number; rounds: Action[][] };

export type ModelResult = {
  campaign: 'model';
  ok: boolean;
  seed: number;
  sequences: number;
  seconds: number;
  failure?: string;
};

type Message = Record<string, unknown> & { type: string; request_id: string; about?: string; order?: string[] };
type Place = { name: string; isDeleted: boolean; version: number; form: Record<string, string> };
/** One way in which the messages so far can have been put in a row. */
type World = { places: Place[]; applied: string[] };

const fields = ['prompt', 'negative_prompt', 'lighting'];
const kinds: Action['kind'][] = ['create', 'update', 'delete', 'restore', 'reorder', 'disconnect', 'resend'];

const action: fc.Arbitrary<Action> = fc.record({
  client: fc.nat(3),
  kind: fc.oneof(
    { arbitrary: fc.constant<Action['kind']>('update'), weight: 4 },
    ...kinds.map((kind) => ({ arbitrary: fc.constant(kind), weight: 1 })),
  ),
  target: fc.nat(1000),
});

const twoCreates: Action[] = [0, 1].map((client) => ({ client, kind: 'create', target: client }));

/** Begins with two workspaces, so that there is something to do. */
export const sequence: fc.Arbitrary<Sequence> = fc.record({
  clients: fc.integer({ min: 2, max: 4 }),
  rounds: fc
    .array(fc.array(action, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
    .map((rounds) => [twoCreates, ...rounds]),
});

/** Random sequences against one server; ends at the first that breaks, and prints it with its seed and path. */
export async function runModel(
  options: { sequences?: number; seed?: number; path?: string; print?: (line: string) => void } = {},
): Promise<ModelResult> {
  const { sequences = 500, seed = newSeed(), path, print = console.log } = options;
  print(`model: seed ${seed}`);
  const startedAt = performance.now();
  const mongod = await startFaultyMongod();
  const bench = await openBench(mongod.uri);
  let done = 0;
  try {
    const property = fc.asyncProperty(sequence, async (plan) => {
      await playSequence(bench, plan);
      if (++done % 50 === 0) print(`model: ${done}/${sequences} sequences`);
    });
    const found = await fc.check(property, { numRuns: sequences, seed, path, endOnFailure: true });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const failure = found.failed ? `${String(found.errorInstance)}\n${fc.defaultReportMessage(found)}` : undefined;
    return { campaign: 'model', ok: !found.failed, seed, sequences: done, seconds, ...(failure && { failure }) };
  } finally {
    await bench.close();
    await mongod.stop();
  }
}

export type Bench = { server: TestServer; clear: () => Promise<void>; close: () => Promise<void> };

/** A server, and the way to empty its database between two sequences. */
export async function openBench(uri: string): Promise<Bench> {
  const server = await startServer({ MONGODB_URI: uri, LOG_LEVEL: 'info' });
  const mongoClient = await mongo.MongoClient.connect(uri);
  return {
    server,
    clear: async () => {
      const database = mongoClient.db();
      await Promise.all(['workspaces', 'timelines'].map((name) => database.collection(name).deleteMany({})));
    },
    close: async () => {
      await mongoClient.close();
      await server.stop();
    },
  };
}

/** Plays one sequence; throws when a client, the list and the model do not agree after a round. */
export async function playSequence({ server, clear }: Bench, { clients: count, rounds }: Sequence): Promise<void> {
  await clear();
  const tally = createTally();
  const clients = await Promise.all(Array.from({ length: count }, () => openTab(server, tally)));
  const sent: Message[][] = clients.map(() => []);
  const idOf = new Map<string, string>();
  let worlds: World[] = [{ places: [], applied: [] }];
  let messageCount = 0;
  try {
    for (const round of rounds) {
      const plans: Message[][] = clients.map(() => []);
      const known = [...idOf.keys()];
      const answers: Promise<unknown>[] = [];
      const cut = new Set<number>();
      for (const { client: number, kind, target } of round) {
        const index = number % count;
        const { client } = clients[index]!;
        if (kind === 'disconnect') {
          cut.add(index);
          client.disconnect();
        } else if (kind === 'resend') {
          const message = sent[index]![target % sent[index]!.length];
          if (!message || plans[index]!.includes(message)) continue;
          plans[index]!.push(message);
          answers.push(client.repeat(toWire(message)));
        } else {
          const message = compose(kind, target, `m${++messageCount}`, known);
          if (!message) continue;
          plans[index]!.push(message);
          answers.push(
            client.ask(toWire(message)).then((answer) => {
              if (kind === 'create') idOf.set(message.request_id, answer.workspace._id);
            }),
          );
        }
      }
      await Promise.all(answers);
      plans.forEach((plan, index) => sent[index]!.push(...plan.filter((message) => !sent[index]!.includes(message))));
      worlds = await agree(plans, cut);
    }
  } finally {
    clients.forEach(({ client }) => client.close());
  }

  function toWire({ about, order, ...message }: Message): Message {
    return {
      ...message,
      ...(about !== undefined && { workspace_id: idOf.get(about) }),
      ...(order && { workspace_ids: order.map((name) => idOf.get(name)) }),
    };
  }

  async function agree(plans: Message[][], cut: Set<number>): Promise<World[]> {
    const { body } = await server.get('/api/workspaces');
    const list = body.workspaces.map(essence);
    const rows = sendings(plans, cut).flatMap(interleavings);
    const next = unique(worlds.flatMap((world) => rows.map((row) => row.reduce(apply, world))));
    const fitting = next.filter((world) => isDeepStrictEqual(toList(world), list));
    if (fitting.length === 0)
      throw new Error(`the list fits no order of the messages:\n${text(list)}\nsuch as\n${text(toList(next[0]!))}`);
    for (const [index, { client, replica }] of clients.entries()) {
      await client.opened();
      await client.ask({ type: 'no.such' });
      await replica.loaded();
      const seen = replica.list().map(essence);
      if (!isDeepStrictEqual(seen, list))
        throw new Error(`client ${index} sees\n${text(seen)}\nthe list is\n${text(list)}`);
      if (replica.gaps() > 0) throw new Error(`client ${index} was not told every step`);
    }
    if (tally.late + tally.surplus > 0) throw new Error(`late or surplus answers: ${JSON.stringify(tally)}`);
    return fitting;
  }

  function toList({ places }: World): Frame[] {
    const live = places.filter(({ isDeleted }) => !isDeleted);
    return live.map(({ name, version, form }) => ({ id: idOf.get(name), version, form: { ...blank, ...form } }));
  }
}

type Tab = { client: ChaosClient; replica: Replica };

async function openTab(server: TestServer, tally: ReturnType<typeof createTally>): Promise<Tab> {
  const replica = createReplica(async () => (await server.get('/api/workspaces')).body.workspaces);
  const client = openClient(() => server.wsUrl, tally, { receive: replica.receive, open: () => void replica.load() });
  await client.opened();
  await replica.loaded();
  return { client, replica };
}

function compose(kind: Action['kind'], target: number, requestId: string, known: string[]): Message | null {
  const about = known[target % known.length];
  const form = { [fields[target % fields.length]!]: requestId };
  if (kind === 'create') {
    const chosen = target % 2 === 0 && { workspace_id: new mongo.ObjectId().toHexString() };
    return { type: 'workspace.create', request_id: requestId, ...chosen, data: { form_data: form } };
  }
  if (about === undefined) return null;
  if (kind === 'reorder') return { type: 'workspace.reorder', request_id: requestId, order: shuffled(known, target) };
  const updates = kind === 'update' && { updates: prefixed(form) };
  return { type: `workspace.${kind}`, request_id: requestId, about, ...updates };
}

function apply(world: World, message: Message): World {
  if (world.applied.includes(message.request_id)) return world;
  const places = world.places.map((place) => ({ ...place }));
  const applied = [...world.applied, message.request_id];
  const place = places.find(({ name }) => name === message.about);
  switch (message.type) {
    case 'workspace.create': {
      const { form_data: form } = message.data as { form_data: Record<string, string> };
      return { places: [...places, { name: message.request_id, isDeleted: false, version: 1, form }], applied };
    }
    case 'workspace.update': {
      if (place!.isDeleted) return world;
      for (const [key, value] of Object.entries(message.updates as Record<string, string>)) {
        place!.form = { ...place!.form, [key.slice('form_data.'.length)]: value };
      }
      place!.version++;
      return { places, applied };
    }
    case 'workspace.reorder': {
      const live = places.filter(({ isDeleted }) => !isDeleted);
      const named = message
        .order!.map((name) => live.find((other) => other.name === name))
        .filter((other) => other !== undefined);
      const next = [...named, ...live.filter((other) => !named.includes(other))].values();
      return { places: places.map((other) => (other.isDeleted ? other : next.next().value!)), applied };
    }
    default:
      place!.isDeleted = message.type === 'workspace.delete';
      return { places, applied };
  }
}

/** What each client can have sent: one that was cut sends again, and what was refused the first time can be taken the second. */
function sendings(plans: Message[][], cut: Set<number>): Message[][][] {
  return plans.reduce<Message[][][]>(
    (before, plan, index) => {
      const prefixes = cut.has(index) ? plan.map((_message, length) => plan.slice(0, length + 1)) : [];
      return [[], ...prefixes].flatMap((prefix) => before.map((others) => [...others, [...prefix, ...plan]]));
    },
    [[]],
  );
}

/** Every row in which each client's messages keep their order. */
function interleavings(plans: Message[][]): Message[][] {
  const heads = plans.filter((plan) => plan.length > 0);
  if (heads.length === 0) return [[]];
  return heads.flatMap((head) => {
    const rest = plans.map((plan) => (plan === head ? plan.slice(1) : plan));
    return interleavings(rest).map((row) => [head[0]!, ...row]);
  });
}

function unique(worlds: World[]): World[] {
  return [
    ...new Map(
      worlds.map((world) => [JSON.stringify({ ...world, applied: world.applied.toSorted() }), world]),
    ).values(),
  ];
}

function shuffled(names: string[], seed: number): string[] {
  const rank = (name: string, index: number) => (Number(name.slice(1)) * 7919 + seed * (index + 1)) % 101;
  const ranked = names
    .map((name, index) => ({ name, rank: rank(name, index) }))
    .sort((one, other) => one.rank - other.rank);
  // Often not all are named.
  return ranked.map(({ name }) => name).slice(0, seed % 3 === 0 ? Math.ceil(names.length / 2) : names.length);
}

const blank = Object.fromEntries(fields.map((field) => [field, '']));

const essence = ({ _id: id, version, form_data: form }: Frame) => ({
  id,
  version,
  form: Object.fromEntries(fields.map((field) => [field, form[field]])),
});

const prefixed = (form: Record<string, string>) =>
  Object.fromEntries(Object.entries(form).map(([key, value]) => [`form_data.${key}`, value]));

const text = (list: unknown[]): string => list.map((entry) => JSON.stringify(entry)).join('\n');
