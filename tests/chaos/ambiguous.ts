import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Video } from '../../src/contract/video';
import type { Rule } from '../doubles/double';
import { startDoubles, stopDoubles, vendors, type Doubles, type Vendor } from '../helpers/generating';
import { click, finalVideo, newWorkspace, settingsFor, uploadPicture, wire } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import { createRandom, newSeed } from './faults';

type Kind = { name: string; isTaken: boolean; rule: (trapUrl: string) => Omit<Rule, 'match'> };

const deadlineMs = 700;
const page = '<html><body>upstream</body></html>';

const taken = (name: string, rule: Omit<Rule, 'match'>): Kind => ({ name, isTaken: true, rule: () => rule });
const notTaken = (name: string, rule: Omit<Rule, 'match'>): Kind => ({ name, isTaken: false, rule: () => rule });

/** Answers to a paid create that leave open whether it was taken; `isTaken` is what only the vendor knows. */
export const kinds: Kind[] = [
  taken('the connection dies after the create was taken', { accept_then_die: true }),
  notTaken('the connection dies before the create was taken', { accept_then_die: true, status: 500 }),
  taken('the answer is cut in the middle', { cut: true }),
  taken('the answer comes after the deadline', { delay_ms: 2 * deadlineMs }),
  taken('the answer drips beyond the deadline', { drip: { bytes: 1, every_ms: 50 } }),
  taken('500, and the create was taken', { status: 500, body: { message: 'oops' }, work: true }),
  notTaken('500, and the create was not taken', { status: 500, body: { message: 'oops' } }),
  taken('502 as a page, and the create was taken', { status: 502, body: page, work: true }),
  notTaken('503 as a page, and the create was not taken', { status: 503, body: page }),
  taken('504, and the create was taken', { status: 504, body: page, work: true }),
  taken('200 without an id', { status: 200, body: {}, work: true }),
  taken('200 as a page', { status: 200, body: page, work: true }),
  notTaken('200 without a body, and the create was not taken', { status: 200, body: '' }),
  { name: '307 to another host', isTaken: true, rule: (redirect) => ({ redirect, work: true }) },
];

export type Trial = { vendor: Vendor; kind: Kind; video: Video; creates: number };

export type AmbiguousOptions = {
  rounds?: number;
  seed?: number;
  uri?: string;
  print?: (line: string) => void;
};

export type AmbiguousResult = {
  campaign: 'ambiguous';
  ok: boolean;
  seed: number;
  rounds: number;
  trials: number;
  extraCreates: number;
  wrongEnds: number;
  redirectsFollowed: number;
  seconds: number;
};

/** Gives each vendor every ambiguous answer, `rounds` times in an order of their own; returns the figures and the trials. */
export async function runAmbiguous(options: AmbiguousOptions = {}): Promise<{ result: AmbiguousResult; all: Trial[] }> {
  const { rounds = 20, seed = newSeed(), uri, print = console.log } = options;
  const random = createRandom(seed);
  const startedAt = performance.now();
  print(`ambiguous: seed ${seed}`);

  let redirectsFollowed = 0;
  const trap = createServer((_request, response) => {
    redirectsFollowed++;
    response.end('{}');
  });
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  const trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/`;
  const doubles = await startDoubles();
  const server = await startServer({
    ...settingsFor(doubles),
    ...(uri && { MONGODB_URI: uri }),
    PROVIDER_REQUEST_TIMEOUT_MS: String(deadlineMs),
    LOG_LEVEL: 'info',
  });
  try {
    const all: Trial[] = [];
    for (let round = 1; round <= rounds; round++) {
      const orders = vendors.map((vendor) => ({ vendor, order: shuffled(kinds, random) }));
      const tried = await Promise.all(
        orders.map(({ vendor, order }) => tryAll({ server, doubles, vendor, order, trapUrl })),
      );
      all.push(...tried.flat());
      const wrong = all.filter((trial) => !isRight(trial)).length;
      print(`ambiguous: round ${round}/${rounds}, ${all.length} trials, ${wrong} wrong`);
    }
    const wrongEnds = all.filter((trial) => !isRight(trial)).length;
    const extraCreates = all.reduce((sum, { creates }) => sum + Math.max(0, creates - 1), 0);
    const ok = wrongEnds + extraCreates + redirectsFollowed === 0;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const figures = { trials: all.length, extraCreates, wrongEnds, redirectsFollowed, seconds };
    return { result: { campaign: 'ambiguous', ok, seed, rounds, ...figures }, all };
  } finally {
    trap.close();
    await server.stop();
    await stopDoubles(doubles);
  }
}

/** Whether a trial ended as it must: adopted or made once, or, where nobody can know, said so. */
function isRight({ vendor, kind, video, creates }: Trial): boolean {
  if (vendor === 'runway') return video.error?.code === 'SUBMIT_UNKNOWN' && creates === Number(kind.isTaken);
  return video.status === 'completed' && creates === 1;
}

type Plan = { server: TestServer; doubles: Doubles; vendor: Vendor; order: Kind[]; trapUrl: string };

async function tryAll({ server, doubles, vendor, order, trapUrl }: Plan): Promise<Trial[]> {
  const double = doubles[vendor];
  const socket = await connect(server.wsUrl);
  const imagePath = await uploadPicture(server);
  const trials: Trial[] = [];
  for (const kind of order) {
    const before = (await double.accepted()).length;
    await double.script([{ match: wire[vendor].create, times: 1, ...kind.rule(trapUrl) }]);
    const workspaceId = await newWorkspace(socket, imagePath);
    await click(server, workspaceId, { provider: vendor });
    const video = await finalVideo(server, workspaceId);
    trials.push({ vendor, kind, video, creates: (await double.accepted()).length - before });
  }
  socket.close();
  return trials;
}

function shuffled<Item>(items: Item[], random: () => number): Item[] {
  const keyed = items.map((item) => ({ item, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
