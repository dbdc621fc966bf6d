import { vendors, wire, type Vendor } from '../helpers/generating';
import type { Rule as DoubleRule } from '../doubles/double';
import type { Answer } from '../helpers/server';
import { sets, setsState, writesTo } from './message-proxy';
import {
  type CellOptions,
  type Rig,
  type Shot,
  brief,
  createsOf,
  judge,
  missingTasks,
  patienceMs,
  requestsOf,
  runCells,
  soon,
  within,
} from './rig';

/** Where an attempt stands when it is cancelled. */
export const states = ['queued', 'storing', 'submitting', 'polling', 'downloading', 'fetching again'] as const;
export type State = (typeof states)[number];

/** What becomes of what is out at that moment: a reply of the database, an answer of the vendor. */
export const fates = ['comes', 'is lost', 'is out when the server is killed'] as const;
type Fate = (typeof fates)[number];

const requestTimeoutMs = 1500;

/** How often the vendor does not take the cancellation, and how. */
export const deleteNames = ['204', 'an error twice, then 204', 'nothing twice, then 204'] as const;
export type Delete = (typeof deleteNames)[number];

/** What the vendor answers to the cancellation; of Pika, 503 would say that it was taken. */
export function deleteRules(vendor: Vendor, told: Delete): DoubleRule[] {
  const error = { match: 'DELETE', times: 2, status: vendor === 'pika' ? 502 : 503, body: 'busy' };
  if (told === '204') return [];
  return [told === 'an error twice, then 204' ? error : { ...error, delay_ms: requestTimeoutMs + 300 }];
}

export type Cell = { vendor: Vendor; state: State; fate: Fate; told: Delete };
/** Every cell that makes sense: Kling has nothing to be asked, so that its answers to it are one. */
export const allCells: Cell[] = vendors.flatMap((vendor) =>
  states.flatMap((state) =>
    fates.flatMap((fate) =>
      (vendor === 'kling' ? deleteNames.slice(0, 1) : deleteNames).map((told) => ({ vendor, state, fate, told })),
    ),
  ),
);

/** Two places, both taken where an attempt must wait. */
export const settings = { VIDEO_MAX_CONCURRENT: '2', PROVIDER_REQUEST_TIMEOUT_MS: String(requestTimeoutMs) };

/** Cancels in every state, whatever becomes of what is out, whatever the vendor says; the vendors side by side. */
export const runCancelling = (options?: CellOptions<Cell>) =>
  runCells<Cell>(
    {
      name: 'cancelling',
      allCells,
      settings,
      runCell,
      describe: ({ vendor, state, fate, told }) => `${vendor}, ${state}, what is out ${fate}, DELETE ${told}`,
    },
    options,
  );

/** An attempt on the way, and the end of what is out. */
type Scene = {
  clicked: Promise<Answer>;
  /** Lets what is out come, or cuts it. */
  settle: (how: 'comes' | 'is lost') => Promise<void>;
};

async function runCell(rig: Rig, { state, fate, told }: Cell): Promise<string[]> {
  const { double, proxy, vendor } = rig;
  const shot = await rig.newShot();
  try {
    await double.set({ ends: state === 'downloading' || state === 'fetching again' ? 'completed' : 'never' });
    const scene = await scenes[state](rig, shot, deleteRules(vendor, told), fate);
    const faults: string[] = [];
    const { body } = await within(patienceMs, shot.cancel(), 'the answer to the cancellation');
    const cancelled = body.video ?? (await shot.load()).video;
    if (cancelled?.error?.code !== 'CANCELLED') faults.push(`is not cancelled: ${brief(cancelled)}`);
    const [first] = (await double.accepted()).slice(shot.createsBefore).map(({ task_id }) => task_id);

    // What is made is fetched by a click; in one of three cells it comes by itself before that.
    const isMade = state === 'downloading' || state === 'fetching again';
    const second = isMade && told === '204' ? null : await shot.click({ isFree: isMade });
    faults.push(...faultsOfSecond(state, second, cancelled.attempt_id));

    if (fate === 'is out when the server is killed') await rig.crash();
    await scene.settle(fate === 'comes' ? 'comes' : 'is lost');
    const isKilled = fate === 'is out when the server is killed';
    const isLost = (state === 'submitting' && fate !== 'comes') || (state === 'storing' && isKilled);
    const isUnknown = vendor === 'runway' && isLost;
    // After a kill Kling says that it has no such task, which may be taken as an answer or not.
    const mayWarn = isUnknown || (vendor === 'kling' && state === 'storing' && isKilled);
    if (first && !isUnknown && vendor !== 'kling' && !isMade) {
      const isGone = async () => !(await double.tasks()).some(({ task_id }) => task_id === first);
      if (!(await soon(isGone))) faults.push('the vendor was not told until it took the cancellation');
    }
    await double.script([]);
    await double.set({ ends: 'completed' });
    await within(patienceMs, scene.clicked, 'the answer to the first click');
    const unknowable = isUnknown ? 1 : 0;
    if (second?.status !== 202) faults.push(...(await thirdClick(rig, shot, { unknowable, mayWarn })));
    // Of an intent nothing has left, but after a kill nobody knows that: Pika is asked by the same create again.
    const creates = state === 'storing' && !(isKilled && vendor === 'pika') ? 1 : 2;
    return [...faults, ...(await judge(rig, shot, { unknowable, creates }))];
  } finally {
    proxy.clear();
    await double.release({ die: true });
    await double.script([]);
  }
}

/** A click right after the cancellation, that accepts no second charge. */
function faultsOfSecond(state: State, answer: Answer | null, attemptId: string): string[] {
  if (!answer) return [];
  const { status, body } = answer;
  const isWarned = status === 409 && body.error.code === 'SECOND_CHARGE_POSSIBLE';
  switch (state) {
    case 'submitting':
      return isWarned ? [] : [`the second click is not warned: ${status}`];
    case 'storing':
      return isWarned || status === 202 ? [] : [`the second click is answered ${status}`];
    case 'queued':
    case 'polling':
      return status === 202 ? [] : [`the second click is answered ${status}, though the fate of the first is known`];
    default:
      return status === 202 && body.video.attempt_id === attemptId ? [] : [`the paid clip is not fetched: ${status}`];
  }
}

/** The cancelled video stays what it is until a click, which is warned where nobody can know, and else is as always. */
async function thirdClick(
  rig: Rig,
  shot: Shot,
  { unknowable, mayWarn }: { unknowable: number; mayWarn: boolean },
): Promise<string[]> {
  const faults: string[] = [];
  await soon(async () => (await missingTasks(rig, shot)).length <= unknowable);
  const { video } = await shot.load();
  if (video.error?.code !== 'CANCELLED') faults.push(`the cancelled video became ${brief(video)}`);
  const told = shot.told();
  const since = told.findIndex(({ error }) => error?.code === 'CANCELLED');
  const others = told.slice(since).filter(({ error }) => error?.code !== 'CANCELLED');
  if (others.length > 0) faults.push(`the cancelled video was told as ${brief(others[0]!)}`);

  if (unknowable > 0) {
    const { status } = await shot.click();
    if (status !== 409) faults.push(`the click after a lost answer is not warned: ${status}`);
    return faults;
  }
  const isAccepted = await soon(async () => {
    const { status } = await shot.click();
    return status === 202 || (mayWarn && status === 409);
  });
  if (!isAccepted) faults.push('a click is refused although the fate of the first is known');
  return faults;
}

type Enter = (rig: Rig, shot: Shot, rules: DoubleRule[], fate: Fate) => Promise<Scene>;

/** The way into each state. */
export const scenes: Record<State, Enter> = {
  async queued(rig, shot, rules, fate) {
    await rig.double.script(rules);
    const others = await Promise.all([rig.newShot(), rig.newShot()]);
    for (const other of others) await other.click();
    Object.assign(shot, { createsBefore: (await rig.double.accepted()).length });
    const clicked = shot.click();
    await shot.until(({ video }) => video.phase === 'queued', 'its turn to wait');
    const isCancel = (command: object) => writesTo(command, shot.id) && sets(command, 'code', ['CANCELLED']);
    if (fate === 'is lost') rig.proxy.rule({ matches: isCancel, act: 'lose', times: 2 });
    return { clicked, settle: async () => undefined };
  },
  async storing(rig, shot, rules) {
    await rig.double.script(rules);
    const isIntent = (command: object) => writesTo(command, shot.id) && setsState(command, 'submitting');
    const intent = rig.proxy.rule({ matches: isIntent, act: 'hold' });
    const clicked = shot.click();
    await within(patienceMs, intent.met(), 'the intent');
    return {
      clicked,
      async settle(how) {
        if (how === 'is lost') rig.proxy.rule({ matches: isIntent, act: 'lose' });
        intent.lift({ cut: how === 'is lost' });
      },
    };
  },
  async submitting(rig, shot, rules) {
    await rig.double.script([{ match: wire[rig.vendor].create, times: 1, hold: true }, ...rules]);
    const clicked = shot.click();
    await soon(async () => (await createsOf(rig, shot)) === 1);
    return { clicked, settle: (how) => rig.double.release({ die: how === 'is lost' }) };
  },
  async polling(rig, shot, rules) {
    const clicked = shot.click();
    await shot.until(({ video }) => video.phase === 'running', 'the running task');
    await rig.double.script([{ match: wire[rig.vendor].task, times: 1, hold: true }, ...rules]);
    await soon(async () => (await requestsOf(rig, shot, wire[rig.vendor].task)).length > 1);
    return { clicked, settle: (how) => rig.double.release({ die: how === 'is lost' }) };
  },
  async downloading(rig, shot, rules) {
    await rig.double.script([{ match: 'GET /files', times: 1, hold: true }, ...rules]);
    const clicked = shot.click();
    await soon(async () => (await requestsOf(rig, shot, 'GET /files')).length === 1);
    return { clicked, settle: (how) => rig.double.release({ die: how === 'is lost' }) };
  },
  async 'fetching again'(rig, shot, rules) {
    await rig.double.script([{ match: 'GET /files', status: 403, body: 'no' }, ...rules]);
    await shot.click();
    await shot.until(({ video }) => video.error?.code === 'DOWNLOAD_FAILED', 'DOWNLOAD_FAILED');
    await rig.double.script([{ match: 'GET /files', times: 1, hold: true }, ...rules]);
    const before = (await requestsOf(rig, shot, 'GET /files')).length;
    const clicked = shot.click({ isFree: true });
    await soon(async () => (await requestsOf(rig, shot, 'GET /files')).length > before);
    return { clicked, settle: (how) => rig.double.release({ die: how === 'is lost' }) };
  },
};
