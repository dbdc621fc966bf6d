import type { Charge, Costs, Money } from '../../src/contract/money';
import type { Video } from '../../src/contract/video';
import type { Billed } from '../doubles/double';
import type { TestServer } from '../helpers/server';

/** What is known besides `/api/costs`. */
export type Known = {
  billed: Billed[];
  /** The request_id of the click of each attempt. */
  clickOf: Map<string, string>;
  /** The request_id of the click that each mark belongs to. */
  marks: Map<string, string>;
};

/** What `/api/costs` says, in millionths of a dollar, with all charges. */
export type SaidCosts = { total: number; unclear: number; charges: Charge[] };

type ShownShot = { video: Video; takes: Video[] };

/** Reads all pages. */
export async function readCosts(server: TestServer): Promise<SaidCosts> {
  const pageBefore = async (before?: string): Promise<Costs> =>
    (await server.get(`/api/costs${before ? `?before=${before}` : ''}`)).body as Costs;
  const first = await pageBefore();
  const charges: Charge[] = [];
  for (let page = first; page.charges.length > 0; page = await pageBefore(charges.at(-1)!.started_at)) {
    charges.push(...page.charges);
  }
  return { total: dollarsOf(first.total), unclear: dollarsOf(first.unclear), charges };
}

/** Everything in millionths of a dollar. */
function dollarsOf(amounts: Money[]): number {
  if (amounts.some(({ currency }) => currency !== 'USD')) throw new Error('the doubles bill dollars only');
  return amounts.reduce((sum, { micros }) => sum + micros, 0);
}

/** What was billed for some tasks. */
export const sumOf = (tasks: Billed[]): number =>
  tasks.reduce((sum, { billed_micros: micros }) => sum + (micros ?? 0), 0);

/** What is wrong between the charges and the bills of the vendors. */
export function faultsOfCharges({ charges }: SaidCosts, { billed, clickOf, marks }: Known): string[] {
  const faults: string[] = [];
  const chargeOf = new Map(charges.map((charge) => [charge.attempt_id, charge]));
  if (chargeOf.size !== charges.length) faults.push('two charges of one attempt');
  const attemptOfClick = new Map([...clickOf].map(([attemptId, requestId]) => [requestId, attemptId]));
  const tasksOf = new Map<string, Billed[]>();
  for (const task of billed) {
    const attemptId = attemptOfClick.get(marks.get(task.mark ?? '') ?? '');
    const name = `the task ${task.task_id} of ${task.mark}`;
    if (!attemptId) faults.push(`${name} belongs to no click`);
    if (task.attempt_id !== null && task.attempt_id !== attemptId) faults.push(`${name} names another attempt`);
    if (task.billed_micros === null) faults.push(`${name} has not ended`);
    if (!attemptId) continue;
    if (!chargeOf.has(attemptId)) faults.push(`${name} has no charge`);
    tasksOf.set(attemptId, [...(tasksOf.get(attemptId) ?? []), task]);
  }
  for (const charge of charges) {
    const tasks = tasksOf.get(charge.attempt_id) ?? [];
    const name = `${charge.provider} ${charge.attempt_id} (${clickOf.get(charge.attempt_id)})`;
    if (tasks.length > 1) faults.push(`${name} was created ${tasks.length} times`);
    if (!clickOf.has(charge.attempt_id) && charge.state !== 'none') faults.push(`${name} is no attempt`);
    faults.push(...faultsOfCharge(charge, tasks).map((fault) => `${name}: ${fault}`));
  }
  return faults;
}

function faultsOfCharge({ state, cost }: Charge, tasks: Billed[]): string[] {
  const micros = sumOf(tasks);
  switch (state) {
    case 'reserved':
      return ['is still reserved'];
    case 'charged':
      if (cost?.micros === micros && tasks.length > 0) return [];
      return [`is charged ${cost?.micros} (${cost?.basis}), was billed ${micros} for ${tasks.length} tasks`];
    case 'none':
      return micros === 0 ? [] : [`costs nothing, was billed ${micros}`];
    // Nobody can know.
    case 'maybe':
      return cost ? [] : ['is unclear without an amount'];
  }
}

/** What is wrong between the sums and the charges that they are of, in total and by film. */
export async function faultsOfSums(server: TestServer, said: SaidCosts): Promise<string[]> {
  const faults: string[] = [];
  const add = (charges: Charge[]) => charges.reduce((sum, { cost }) => sum + (cost?.micros ?? 0), 0);
  const counted = said.charges.filter(({ state }) => state !== 'none');
  const maybe = counted.filter(({ state }) => state === 'maybe');
  if (said.total !== add(counted)) faults.push(`the total is ${said.total}, its charges are ${add(counted)}`);
  if (said.unclear !== add(maybe)) faults.push(`unclear is ${said.unclear}, its charges are ${add(maybe)}`);
  for (const filmId of new Set(said.charges.map(({ film_id }) => film_id))) {
    const { status, body } = await server.get(`/api/costs?film_id=${filmId}`);
    // Its charges stay when a film is gone.
    if (status === 404) continue;
    const spent = dollarsOf((body as Costs).film!);
    const ofFilm = add(counted.filter(({ film_id }) => film_id === filmId));
    if (spent !== ofFilm) faults.push(`the film ${filmId} is said to cost ${spent}, its charges are ${ofFilm}`);
  }
  return faults;
}

/** What is wrong between the charges and the videos that people see. */
export function faultsOfVideos({ charges }: SaidCosts, shots: ShownShot[], { clickOf }: Known): string[] {
  const chargeOf = new Map(charges.map((charge) => [charge.attempt_id, charge]));
  const videos = shots.flatMap(({ video, takes }) => [video, ...takes]).filter(({ attempt_id }) => attempt_id !== null);
  return videos.flatMap((video) => {
    const charge = chargeOf.get(video.attempt_id!);
    const charged = video.status === 'completed' ? 'charged' : stateOf[video.error?.charged ?? 'maybe'];
    const name = `the video ${video.provider} ${video.attempt_id} (${clickOf.get(video.attempt_id!)}, ${video.error?.code ?? video.status})`;
    if (!charge) return [`${name} has no charge`];
    const faults = charge.state === charged ? [] : [`${name} is shown as ${charged}, its charge is ${charge.state}`];
    const isSame = video.cost?.micros === charge.cost?.micros && video.cost?.basis === charge.cost?.basis;
    if (!isSame) faults.push(`${name} is shown with ${video.cost?.micros}, its charge is of ${charge.cost?.micros}`);
    return faults;
  });
}

const stateOf = { no: 'none', yes: 'charged', maybe: 'maybe' } as const;
