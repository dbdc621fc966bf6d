import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { mongo } from 'mongoose';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import { createTally, openClient, type ChaosClient, type Frame } from './client';
import { newSeed, startFaultyMongod } from './faults';
import { createReplica, type Replica } from './replica';

/** One thing that a client does; numbers choose among what there is at that moment. */
export type Action = {
  client: number;
  kind: 'create' | 'update' | 'delete' | 'restore' | 'reorder' | 'disconnect' | 'resend' | 'kill';
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
const agreesWithinMs = 5000;
const lookEveryMs = 50;

const action: fc.Arbitrary<Action> = fc.record({
  client: fc.nat(3),
  kind: fc.oneof(
    { arbitrary: fc.constant<Action['kind']>('update'), weight: 16 },
    ...kinds.map((kind) => ({ arbitrary: fc.constant(kind), weight: 4 })),
    { arbitrary: fc.constant<Action['kind']>('kill'), weight: 1 },
  ),
  target: fc.nat(1000),
});

const twoCreates: Action[] = [0, 1].map((client) => ({ client, kind: 'create', target: client }));

/** Begins with two workspaces, so that there is something to do. */
const sequence: fc.Arbitrary<Sequence> = fc.record({
  clients: fc.integer({ min: 2, max: 4 }),
  rounds: fc
    .array(fc.array(action, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
    .map((rounds) => [twoCreates, ...rounds]),
});

/** Random sequences against one server, or several on one database; ends at the first that breaks, and prints it with its seed and path. */
export async function runModel(
  options: {
    sequences?: number;
    servers?: number;
    films?: number;
    seed?: number;
    path?: string;
    print?: (line: string) => void;
  } = {},
): Promise<ModelResult> {
  const { sequences = 500, servers = 1, films = 1, seed = newSeed(), path, print = console.log } = options;
  print(`model: seed ${seed}, servers ${servers}, films ${films}`);
  const startedAt = performance.now();
  const mongod = await startFaultyMongod();
  const bench = await openBench(mongod.uri, servers, films);
  let done = 0;
  try {
    const property = fc.asyncProperty(sequence, async (plan) => {
      await playSequence(bench, plan);
      if (++done % 50 === 0) print(`model: ${done}/${sequences} sequences`);
    });
    const found = await fc.check(property, {
      numRuns: sequences,
      seed,
      path: path && String(path),
      endOnFailure: true,
    });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const failure = found.failed ? `${String(found.errorInstance)}\n${fc.defaultReportMessage(found)}` : undefined;
    return { campaign: 'model', ok: !found.failed, seed, sequences: done, seconds, ...(failure && { failure }) };
  } finally {
    await bench.close();
    await mongod.stop();
  }
}

export type Bench = {
  /** The server of a client. */
  serverOf: (client: number) => TestServer;
  /** kill -9 of the server of a client, and the same server again. */
  kill: (client: number) => Promise<void>;
  /** How many servers there are. */
  size: number;
  /** The films among which the clients are spread; undefined stands for the default film, which an old client does not name. */
  films: (string | undefined)[];
  clear: () => Promise<void>;
  close: () => Promise<void>;
};

/** Servers on one database and one folder of uploads, and the way to empty it between two sequences. */
export async function openBench(uri: string, size = 1, filmCount = 1): Promise<Bench> {
  const first = await startServer({ MONGODB_URI: uri, LOG_LEVEL: 'info' });
  const shared = { MONGODB_URI: uri, LOG_LEVEL: 'info', UPLOAD_DIR: first.env.UPLOAD_DIR! };
  const others = await Promise.all(Array.from({ length: size - 1 }, () => startServer(shared)));
  const servers = [first, ...others];
  const mongoClient = await mongo.MongoClient.connect(uri);
  const films = filmCount > 1 ? await createFilms(first, filmCount) : [undefined];
  return {
    size,
    films,
    serverOf: (client) => servers[client % size]!,
    kill: async (client) => {
      const index = client % size;
      await servers[index]!.kill();
      servers[index] = await servers[index]!.restart();
    },
    clear: async () => {
      const database = mongoClient.db();
      await database.collection('workspaces').deleteMany({});
      await database.collection('films').updateMany({}, { $set: { applied: [] }, $unset: { last_order_index: '' } });
    },
    close: async () => {
      await mongoClient.close();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function createFilms({ wsUrl }: TestServer, count: number): Promise<string[]> {
  const socket = await connect(wsUrl);
  const answers = await Promise.all(Array.from({ length: count }, () => socket.ask({ type: 'film.create' })));
  socket.close();
  return answers.map(({ film }) => film._id as string);
}

/** Plays one sequence; throws when a client, the list and the model do not agree after a round. */
export async function playSequence(bench: Bench, { clients: count, rounds }: Sequence): Promise<void> {
  await bench.clear();
  const tally = createTally();
  const clients = await Promise.all(
    Array.from({ length: count }, (_, index) => openTab(() => bench.serverOf(index), filmOf(index), tally)),
  );
  const sent: Message[][] = clients.map(() => []);
  const idOf = new Map<string, string>();
  const namesOf = new Map(bench.films.map((film): [string | undefined, string[]] => [film, []]));
  const worldsOf = new Map(
    bench.films.map((film): [string | undefined, World[]] => [film, [{ places: [], applied: [] }]]),
  );
  let messageCount = 0;
  try {
    for (const round of rounds) {
      const plans: Message[][] = clients.map(() => []);
      const knownOf = new Map([...namesOf].map(([film, names]) => [film, [...names]]));
      const answers: Promise<unknown>[] = [];
      const cut = new Set<number>();
      let killed: Promise<void> | undefined;
      for (const { client: number, kind, target } of round) {
        const index = number % count;
        const { client } = clients[index]!;
        if (kind === 'disconnect') {
          cut.add(index);
          client.disconnect();
        } else if (kind === 'kill') {
          const struck = [...clients.keys()].filter((other) => bench.serverOf(other) === bench.serverOf(index));
          for (const other of struck) cut.add(other);
          killed ??= bench.kill(index);
          answers.push(killed);
        } else if (kind === 'resend') {
          const message = sent[index]![target % sent[index]!.length];
          if (!message || plans[index]!.includes(message)) continue;
          plans[index]!.push(message);
          answers.push(client.repeat(toWire(message)));
        } else {
          const message = compose(kind, target, `m${++messageCount}`, knownOf.get(filmOf(index))!);
          if (!message) continue;
          plans[index]!.push(message);
          answers.push(
            client.ask(toWire(message)).then((answer) => {
              if (kind !== 'create') return;
              idOf.set(message.request_id, answer.workspace._id);
              namesOf.get(filmOf(index))!.push(message.request_id);
            }),
          );
        }
      }
      await Promise.all(answers);
      plans.forEach((plan, index) => sent[index]!.push(...plan.filter((message) => !sent[index]!.includes(message))));
      for (const film of bench.films) {
        const plansHere = plans.map((plan, index) => (filmOf(index) === film ? plan : []));
        worldsOf.set(film, await agree(film, plansHere, cut));
      }
    }
  } finally {
    clients.forEach(({ client }) => client.close());
  }

  function filmOf(index: number): string | undefined {
    return bench.films[index % bench.films.length];
  }

  function toWire({ about, order, ...message }: Message): Message {
    return {
      ...message,
      ...(about !== undefined && { workspace_id: idOf.get(about) }),
      ...(order && { workspace_ids: order.map((name) => idOf.get(name)) }),
    };
  }

  async function agree(film: string | undefined, plans: Message[][], cut: Set<number>): Promise<World[]> {
    const [list, ...others] = await Promise.all(
      Array.from({ length: bench.size }, async (_, index) => {
        const { body } = await bench.serverOf(index).get(listAddress(film));
        return body.workspaces.map(essence) as Frame[];
      }),
    );
    for (const other of others)
      if (!isDeepStrictEqual(other, list)) throw new Error(`the lists differ:\n${text(list!)}\n${text(other)}`);
    const rows = sendings(plans, cut).flatMap(interleavings);
    const next = unique(worldsOf.get(film)!.flatMap((world) => rows.map((row) => row.reduce(apply, world))));
    const fitting = next.filter((world) => isDeepStrictEqual(toList(world), list));
    if (fitting.length === 0)
      throw new Error(`the list fits no order of the messages:\n${text(list!)}\nsuch as\n${text(toList(next[0]!))}`);
    for (const [index, { client, replica }] of clients.entries()) {
      if (filmOf(index) !== film) continue;
      await client.opened();
      await client.ask({ type: 'no.such' });
      await replica.loaded();
      const seen = () => replica.list().map(essence);
      // What another server has stored is told within a second.
      const untilMs = performance.now() + (bench.size > 1 ? agreesWithinMs : 0);
      while (!isDeepStrictEqual(seen(), list) && performance.now() < untilMs) await pause(lookEveryMs);
      if (!isDeepStrictEqual(seen(), list))
        throw new Error(`client ${index} sees\n${text(seen())}\nthe list is\n${text(list!)}`);
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

const listAddress = (film: string | undefined): string => `/api/workspaces${film ? `?film_id=${film}` : ''}`;

async function openTab(
  server: () => TestServer,
  film: string | undefined,
  tally: ReturnType<typeof createTally>,
): Promise<Tab> {
  const replica = createReplica(async () => (await server().get(listAddress(film))).body.workspaces);
  const address = () => `${server().wsUrl}${film ? `?film_id=${film}` : ''}`;
  const client = openClient(address, tally, { receive: replica.receive, open: () => void replica.load() });
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
