import { setTimeout as delay } from 'node:timers/promises';
import { changeStored } from '../helpers/stored';
import type { Video } from '../../src/contract/video';
import { vendors, type Vendor } from '../helpers/generating';
import { type CellOptions, type Rig, type Shot, brief, createsOf, judge, requestsOf, runCells, soon } from './rig';

/** What may happen between a clip that was made, paid and not fetched, and the click that is to fetch it. */
const events = ['another take is chosen', 'another form is clicked', '25 hours pass', 'a restart'] as const;
type Event = (typeof events)[number];

/** Nothing is fetched again by itself while a story is told. */
export const settings = { VIDEO_RECHECK_INTERVAL_MS: '600000' };

export type Cell = { vendor: Vendor; story: Event[] };
/** Every event alone. */
export const singleCells: Cell[] = vendors.flatMap((vendor) => events.map((event) => ({ vendor, story: [event] })));

/** Every event alone, and after each of them every other. */
const allCells: Cell[] = [
  ...singleCells,
  ...vendors.flatMap((vendor) =>
    events.flatMap((first) => events.map((second) => ({ vendor, story: [first, second] }))),
  ),
];

/** A paid clip cannot be fetched, something happens, and a click with the same form fetches it; the vendors side by side. */
export const runUndelivered = (options?: CellOptions<Cell>) =>
  runCells<Cell>(
    {
      name: 'undelivered',
      allCells,
      settings,
      runCell: (rig, { story }) => runCell(rig, story),
      describe: ({ vendor, story }) => `${vendor}, ${story.join(', then ')}`,
    },
    options,
  );

async function runCell(rig: Rig, story: Event[]): Promise<string[]> {
  try {
    const shot = await rig.newShot({ hasClip: true });
    const made = await failDownload(rig, shot);
    for (const event of story) await happen[event](rig, shot);

    const creates = await createsOf(rig, shot);
    // Still refused, so that it is certain which of the two brings the clip.
    const refused = await shot.click({ isFree: true });
    const faults = refused.body.video?.attempt_id === made ? [] : [`the click is answered ${refused.status}`];
    await shot.until(({ video }) => video.error?.code === 'DOWNLOAD_FAILED', 'DOWNLOAD_FAILED again');
    await rig.double.script([]);
    await shot.click({ isFree: true });
    const isThere = await soon(async () => (await shot.load()).video.status === 'completed');
    const { video } = await shot.load();
    if (!isThere || video.attempt_id !== made) faults.push(`the paid clip is not the video: ${brief(video)}`);
    // What another form has paid for is still to be fetched.
    const unknowable = story.includes('another form is clicked') ? story.length : 0;
    return [...faults, ...(await judge(rig, shot, { creates, unknowable }))];
  } finally {
    await rig.double.script([]);
  }
}

/** A click whose clip is made, paid, and refused by the host of the files; returns its attempt. */
export async function failDownload({ double }: Rig, shot: Shot): Promise<string> {
  await double.script([{ match: 'GET /files', status: 403, body: 'no' }]);
  await shot.click();
  const { video } = await shot.until(({ video: { error } }) => error?.code === 'DOWNLOAD_FAILED', 'DOWNLOAD_FAILED');
  return video.attempt_id!;
}

let forms = 0;

const happen: Record<Event, (rig: Rig, shot: Shot) => Promise<unknown>> = {
  async 'another take is chosen'(_rig, shot) {
    const { takes } = await shot.load();
    if (takes[0]) await shot.choose(takes[0].attempt_id!);
  },
  async 'another form is clicked'(_rig, shot) {
    const { form_data } = await shot.load();
    await shot.edit({ prompt: `${form_data.prompt} With rain, ${++forms}.` });
    const { body } = await shot.click();
    const isOver = ({ attempt_id, error }: Video) => attempt_id === body.video.attempt_id && error !== null;
    await shot.until(({ video }) => isOver(video), 'the end of another form');
    await shot.edit({ prompt: form_data.prompt });
  },
  '25 hours pass': (rig, shot) => letADayPass(rig, shot),
  'a restart': (rig) => rig.restart(),
};

/** Sets back when the tasks of a shot were accepted, and has them looked at anew. */
export async function letADayPass(rig: Rig, shot: Shot): Promise<void> {
  const accepted_at = { $date: new Date(Date.now() - 25 * 3600 * 1000).toISOString() };
  const aged = (job: string) => ({ $mergeObjects: [job, { accepted_at }] });
  const superseded = { $map: { input: '$superseded', in: aged('$$this') } };
  await changeStored(rig.database, shot.id, [
    { $set: { job: { $cond: [{ $eq: ['$job', null] }, null, aged('$job')] }, superseded } },
  ]);
  const before = (await requestsOf(rig, shot, 'GET /files')).length;
  await rig.restart();
  // What is too old may not be asked for any more, and nobody is told when it is given up.
  await soon(async () => (await requestsOf(rig, shot, 'GET /files')).length >= before + 3, 1000);
  await delay(600);
}
