import type { mongo } from 'mongoose';
import { loadUpdates, timedGet, type Latencies, type Load } from './load';
import type { Measured } from './processes';
import { comparison, milliseconds, perSecond, type Row } from './report';
import { median, summary, type Round } from './statistics';
import { changeOne, seedWorkspaces } from './workspaces';

type Side = keyof Round;
export type Contender = Measured & { database: mongo.Db };
export type Contenders = Record<Side, Contender>;

const sides: Side[] = ['server', 'floor', 'control'];
const rateTarget = 0.8;
const slowestTarget = 1.5;
const unchangedTarget = 0.1;

/** Updates from 1, 20 or more sockets at once, each with a workspace of its own and one message out. */
export async function compareUpdates(
  contenders: Contenders,
  { sockets, rounds, load }: { sockets: number; rounds: number; load: Load },
): Promise<Row[]> {
  const ids = await bySide((side) => seedWorkspaces(contenders[side].database, sockets));
  const measured = await inRounds(rounds, (side) => loadUpdates(contenders[side].wsUrl, ids[side], load));
  const of = (key: keyof Latencies) => summary(measured.map((round) => pick(round, ({ [key]: value }) => value)));
  const item = `Updates, ${sockets} ${sockets === 1 ? 'socket' : 'sockets'}`;
  return [
    comparison(`${item}: acknowledged`, of('perSecond'), perSecond, { atLeast: rateTarget }),
    comparison(`${item}: p50`, of('p50Ms'), milliseconds),
    comparison(`${item}: p99`, of('p99Ms'), milliseconds, { atMost: slowestTarget }),
  ];
}

/** The list after a change, the same list again, and the answer that nothing is new. */
export async function compareLists(
  contenders: Contenders,
  { size, rounds, requests }: { size: number; rounds: number; requests: number },
): Promise<Row[]> {
  await bySide((side) => seedWorkspaces(contenders[side].database, size));
  const first = pick(
    await bySide((side) => getList(contenders[side], addressOf(contenders, side), size)),
    ({ ms }) => ms,
  );

  const changed = await inRounds(rounds, async (side) => {
    const times: number[] = [];
    for (let request = 0; request < requests; request++) {
      await changeOne(contenders[side].database);
      times.push((await timedGet(addressOf(contenders, side))).ms);
    }
    return median(times);
  });

  const address = addressOf(contenders, 'server');
  const { etag } = await getList(contenders.server, address, size);
  const again: number[] = [];
  const unchanged: number[] = [];
  for (let request = 0; request < rounds * requests; request++) {
    again.push((await timedGet(address)).ms);
    const { ms, status } = await timedGet(address, { 'If-None-Match': etag });
    if (status !== 304) throw new Error(`an unchanged list was answered ${status}`);
    unchanged.push(ms);
  }

  const times = summary(changed);
  const rates = summary(changed.map((round) => pick(round, (ms) => 1000 / ms)));
  const item = `List of ${size.toLocaleString('en')}`;
  const share = median(unchanged) / times.server;
  return [
    { item: `${item}: all shots new`, ...showTimes(first), values: first },
    { ...comparison(`${item}: after a change`, rates, perSecond, { atLeast: rateTarget }), ...showTimes(times) },
    { item: `${item}: unchanged, in full`, measured: milliseconds(median(again)), values: { medianMs: median(again) } },
    {
      item: `${item}: unchanged, 304`,
      measured: milliseconds(median(unchanged)),
      ratio: `${share.toFixed(3)} of the full one`,
      target: `<= ${unchangedTarget} of the full one`,
      met: share <= unchangedTarget,
      values: { medianMs: median(unchanged), share },
    },
  ];
}

const addressOf = (contenders: Contenders, side: Side): string =>
  `${contenders[side].url}${side === 'server' ? '/api/workspaces' : '/'}`;

async function getList(contender: Contender, address: string, size: number): Promise<{ ms: number; etag: string }> {
  const { ms, status, etag, body } = await timedGet(address);
  const count = status === 200 ? (JSON.parse(body.toString()) as { workspaces: unknown[] }).workspaces.length : 0;
  if (count !== size) throw new Error(`${contender.url} answered ${status} and ${count} of ${size} workspaces`);
  return { ms, etag };
}

const showTimes = ({ server, floor, control }: Round) => ({
  measured: milliseconds(server),
  floor: milliseconds(floor),
  control: milliseconds(control),
});

// Each round begins with another side, so that a machine that warms up or is disturbed favours none.
async function inRounds<Result>(
  rounds: number,
  measure: (side: Side) => Promise<Result>,
): Promise<Record<Side, Result>[]> {
  const results: Record<Side, Result>[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = sides.map((_, index) => sides[(index + round) % sides.length]!);
    const entries: [Side, Result][] = [];
    for (const side of order) entries.push([side, await measure(side)]);
    results.push(Object.fromEntries(entries) as Record<Side, Result>);
  }
  return results;
}

async function bySide<Result>(work: (side: Side) => Promise<Result>): Promise<Record<Side, Result>> {
  return (await inRounds(1, work))[0]!;
}

const pick = <Value>(round: Record<Side, Value>, of: (value: Value) => number): Round => ({
  server: of(round.server),
  floor: of(round.floor),
  control: of(round.control),
});
