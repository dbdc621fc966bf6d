import { atEach, createsOf, judge, type Rig, type Shot, type Judged } from './rig';
import { failDownload, letADayPass, runUndelivered, settings, singleCells, type Cell } from './undelivered';
import { useRigs } from './use-rigs';

jest.setTimeout(60_000);

const rigs = useRigs(settings);

describe('a clip that is made, paid and not fetched', () => {
  let all: Judged<Cell>[];

  beforeAll(async () => {
    ({ all } = await runUndelivered({ cells: singleCells, rigs, print: () => undefined }));
  }, 120_000);

  test.each(singleCells)(
    'a clip that is made, paid and not fetched is fetched free by a click with the same form: $vendor, after this: $story',
    (cell) => {
      const isThis = ({ vendor, story }: Judged<Cell>) => vendor === cell.vendor && story === cell.story;
      expect(all.find(isThis)!.faults).toEqual([]);
    },
  );
});

/** A click that is to fetch a paid clip hears that the vendor no longer has it, and the next click pays. */
async function expectGone(rig: Rig, shot: Shot): Promise<void> {
  const creates = await createsOf(rig, shot);
  await shot.click({ isFree: true });
  const { video } = await shot.until(({ video: { error } }) => error?.code === 'TASK_FAILED', 'TASK_FAILED');
  expect(video).toMatchObject({ status: 'failed', error: { code: 'TASK_FAILED', charged: 'yes' } });
  expect(video.error!.message).toMatch(/no longer/);
  expect(await createsOf(rig, shot)).toBe(creates);

  await rig.double.script([]);
  const { status, body } = await shot.click();
  expect(status).toBe(202);
  expect(body.video.attempt_id).not.toBe(video.attempt_id);
  await shot.until(({ video: { status } }) => status === 'completed', 'the clip that was paid anew');
  expect(await createsOf(rig, shot)).toBe(creates + 1);
}

test('a paid task that its vendor no longer has ends with a sentence that says so, and the next click pays', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    await failDownload(rig, shot);
    const [task] = await rig.double.accepted();
    await rig.double.forget(task!.task_id);
    await expectGone(rig, shot);
    expect(await judge(rig, shot)).toEqual([]);
  }));

test('a file that is gone after a day ends the same way', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    await failDownload(rig, shot);
    await letADayPass(rig, shot);
    await rig.double.script([{ match: 'GET /files', status: 404, body: 'gone' }]);
    await expectGone(rig, shot);
  }));
