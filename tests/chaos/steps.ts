import type { mongo } from 'mongoose';
import { vendors, wire, type Vendor } from '../helpers/generating';
import { sets, setsState, writesTo, type Fate } from './message-proxy';
import { type CellOptions, type Rig, type Shot, judge, patienceMs, runCells, soon, within } from './rig';

type Command = mongo.BSON.Document;

type Step = {
  matches: (command: Command) => boolean;
  /** Brings a shot, which has a first clip and a new form, to the moment before. */
  before?: (rig: Rig, shot: Shot) => Promise<unknown>;
  /** What its user does that has the step stored. */
  act: (shot: Shot) => Promise<unknown>;
  /** What its user does while the reply of the database is late. */
  meanwhile: (shot: Shot) => Promise<unknown>;
  /** Whether nothing has been sent yet, so that a cancellation meanwhile leaves it at the first clip. */
  isUnsent?: boolean;
};

const click = (shot: Shot) => shot.click();
const cancel = (shot: Shot) => shot.cancel();
const fetchAgain = (shot: Shot) => shot.click({ isFree: true });
const chooseFirstClip = async (shot: Shot) => {
  const { takes } = await shot.load();
  return takes[0] && shot.choose(takes[0].attempt_id!);
};

const isClaim = (command: Command) => setsState(command, 'queued');
const refuseFiles = ({ double }: Rig) => double.script([{ match: 'GET /files', status: 403, body: 'no' }]);
const neverEnd = ({ double }: Rig) => double.set({ ends: 'never' });
const isFailed = (shot: Shot, code: string) => shot.until(({ video }) => video.error?.code === code, code);

async function failDownload(rig: Rig, shot: Shot): Promise<void> {
  await refuseFiles(rig);
  await shot.click();
  await isFailed(shot, 'DOWNLOAD_FAILED');
}

/** Every step of a generation that is stored, by the words of the contract. */
const steps = {
  claim: { matches: isClaim, act: click, meanwhile: cancel, isUnsent: true },
  intent: {
    matches: (command) => setsState(command, 'submitting'),
    before: neverEnd,
    act: click,
    meanwhile: cancel,
    isUnsent: true,
  },
  accepted: { matches: (command) => setsState(command, 'polling'), before: neverEnd, act: click, meanwhile: cancel },
  progress: {
    matches: (command) => sets(command, 'phase', ['running']),
    before: neverEnd,
    act: click,
    meanwhile: cancel,
  },
  downloading: { matches: (command) => setsState(command, 'downloading'), act: click, meanwhile: cancel },
  completed: {
    matches: (command) => sets(command, 'status', ['completed']) && !isClaim(command),
    act: click,
    meanwhile: cancel,
  },
  in_doubt: {
    matches: (command) => setsState(command, 'in_doubt'),
    before: ({ double, vendor }) => double.script([{ match: wire[vendor].create, status: 500, body: 'oops' }]),
    act: click,
    meanwhile: chooseFirstClip,
  },
  download_failed: {
    matches: (command) => setsState(command, 'download_failed'),
    before: refuseFiles,
    act: click,
    meanwhile: chooseFirstClip,
  },
  timed_out: {
    matches: (command) => setsState(command, 'timed_out'),
    before: neverEnd,
    act: click,
    meanwhile: chooseFirstClip,
  },
  cancel: {
    matches: (command) => sets(command, 'code', ['CANCELLED']),
    before: async (rig, shot) => {
      await neverEnd(rig);
      await shot.click();
    },
    act: cancel,
    meanwhile: click,
  },
  choose_take: {
    matches: (command) => sets(command, 'takes') && !isClaim(command),
    before: failDownload,
    act: chooseFirstClip,
    meanwhile: fetchAgain,
  },
  superseded_fetch: {
    matches: (command) => setsState(command, 'downloading'),
    before: async (rig, shot) => {
      await failDownload(rig, shot);
      await chooseFirstClip(shot);
    },
    act: fetchAgain,
    meanwhile: cancel,
  },
} satisfies Record<string, Step>;
export type StepName = keyof typeof steps;

/** What happens to the write of a step. */
const fates = {
  'its reply is lost twice': { act: 'lose', times: 2 },
  'it is refused once, for good as the database says': { act: 'refuse', times: 1, code: 8000 },
  'it is refused twice, to be tried again': { act: 'refuse', times: 2, code: 262, labels: ['RetryableWriteError'] },
  'its reply is late, and the user does something else': { act: 'hold', times: 1 },
} satisfies Record<string, Omit<Fate, 'matches'>>;
export type FateName = keyof typeof fates;

export const stepNames = Object.keys(steps) as StepName[];
export const fateNames = Object.keys(fates) as FateName[];

export type Cell = { vendor: Vendor; step: StepName; fate: FateName };
/** Every step x what happens to it x vendor. */
export const allCells: Cell[] = vendors.flatMap((vendor) =>
  stepNames.flatMap((step) => fateNames.map((fate) => ({ vendor, step, fate }))),
);

export const settings = { VIDEO_TIMEOUT_MS: '2000' };

/** Loses, refuses or delays each step of a generation at each vendor; the vendors side by side. */
export const runSteps = (options?: CellOptions<Cell>) =>
  runCells<Cell>(
    {
      name: 'steps',
      allCells,
      settings,
      runCell,
      describe: ({ vendor, step, fate }) => `${vendor}, ${step}, ${fate}`,
    },
    options,
  );

async function runCell(rig: Rig, { step: name, fate: fateName }: Cell): Promise<string[]> {
  const { double, proxy } = rig;
  const step: Step = steps[name];
  const fate: Omit<Fate, 'matches'> = fates[fateName];
  try {
    await double.set({ ends: 'completed' });
    const shot = await rig.newShot({ hasClip: true });
    await step.before?.(rig, shot);
    const rule = proxy.rule({ ...fate, matches: (command) => writesTo(command, shot.id) && step.matches(command) });
    const acting = step.act(shot);
    await within(patienceMs, rule.met(fate.times), `the write of ${name}`);
    // Where the one must wait for the other, the late reply comes before it.
    if (fate.act === 'hold') await within(1500, step.meanwhile(shot), 'its answer').catch(() => undefined);
    rule.lift();
    await within(patienceMs, acting, 'the answer of the user');
    await rest(rig, shot);
    const isUnsent = step.isUnsent && fate.act === 'hold';
    return await judge(rig, shot, isUnsent ? { creates: 1 } : {});
  } finally {
    proxy.clear();
    await double.script([]);
  }
}

/** Everything works again; a task that was cancelled is let run until the vendor was told. */
async function rest({ double, vendor }: Rig, shot: Shot): Promise<void> {
  const isCancelled = shot.told().some(({ error }) => error?.code === 'CANCELLED');
  const isStopped = async () => (await double.tasks()).every(({ phase }) => phase !== 'running');
  if (isCancelled && vendor !== 'kling') await soon(isStopped, 3000);
  await double.set({ ends: 'completed' });
  await double.script([]);
}
