import type { Video } from '../../src/contract/video';
import { vendors, wire } from '../helpers/generating';
import { allCells, deleteNames, deleteRules, fates, runCancelling, scenes, settings, states } from './cancelling';
import type { Cell } from './cancelling';
import { atEach, createsOf, judge, requestsOf, soon, within, type Rig, patienceMs, type Judged } from './rig';
import { useRigs } from './use-rigs';

jest.setTimeout(60_000);

/** A few of the campaign: each state at each vendor, each with another fate and another answer to the cancellation. */
const cells = allCells.filter(({ vendor, state, fate, told }) => {
  const turn = states.indexOf(state) + vendors.indexOf(vendor) + fates.indexOf(fate);
  const hasTurn = vendor === 'kling' || (states.indexOf(state) + deleteNames.indexOf(told)) % 3 === 1;
  return turn % fates.length === 0 && hasTurn;
});

const isCancelled = ({ status, error }: Video) => status === 'failed' && error?.code === 'CANCELLED';

const rigs = useRigs(settings);

describe('a generation that is cancelled', () => {
  let all: Judged<Cell>[];

  beforeAll(async () => {
    ({ all } = await runCancelling({ cells, rigs, print: () => undefined }));
  }, 150_000);

  test.each(cells)(
    'a cancellation loses, deletes and pays nothing twice: $vendor, $state, what is out $fate, DELETE is answered $told',
    (cell) => {
      const isThis = ({ faults: _faults, ...other }: Judged<Cell>) => JSON.stringify(other) === JSON.stringify(cell);
      expect(all.find(isThis)!.faults).toEqual([]);
    },
  );
});

describe.each(['is lost', 'is out when the server is killed'] as const)(
  'the answer to the create %s after the cancellation',
  (fate) => {
    /** Cancels while the create is out, then ends what is out without an answer. */
    async function cancelUnanswered(rig: Rig) {
      const shot = await rig.newShot();
      const scene = await scenes.submitting(rig, shot, [], fate);
      expect(await shot.cancel()).toMatchObject({ status: 200, body: { video: { error: { code: 'CANCELLED' } } } });
      if (fate === 'is out when the server is killed') await rig.crash();
      await scene.settle('is lost');
      await within(patienceMs, scene.clicked, 'the answer to the first click');
      return shot;
    }

    test(`the next click is warned where the vendor cannot be asked for a create whose answer ${fate}`, async () => {
      const rig = rigs.runway;
      const shot = await cancelUnanswered(rig);
      for (const again of ['at once', 'and again']) {
        const { status, body } = await shot.click();
        expect({ again, status, code: body.error.code }).toEqual({
          again,
          status: 409,
          code: 'SECOND_CHARGE_POSSIBLE',
        });
      }
      expect(isCancelled((await shot.load()).video)).toBe(true);
      expect(await createsOf(rig, shot)).toBe(1);
    });

    test(`a task whose answer ${fate} is found by its key and cancelled at the vendor`, async () => {
      const rig = rigs.pika;
      await rig.double.set({ ends: 'never' });
      const shot = await cancelUnanswered(rig);
      expect(await soon(async () => (await rig.double.tasks()).length === 0)).toBe(true);
      expect(await requestsOf(rig, shot, 'DELETE')).toHaveLength(1);
      expect(await createsOf(rig, shot)).toBe(1);
      expect(isCancelled((await shot.load()).video)).toBe(true);
    });

    test(`a task whose answer ${fate} is looked up, and its clip arrives as a take, where the vendor cannot cancel`, async () => {
      const rig = rigs.kling;
      const shot = await cancelUnanswered(rig);
      const { video, takes } = await shot.until((workspace) => workspace.takes.length === 1, 'the take');
      expect(isCancelled(video)).toBe(true);
      expect(takes).toMatchObject([{ status: 'completed', attempt_id: video.attempt_id }]);
      expect(await createsOf(rig, shot)).toBe(1);
    });
  },
);

test('a paid clip that is being fetched is not deleted at the vendor when that is cancelled, and stays free', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    const scene = await scenes['fetching again'](rig, shot, [], 'is lost');
    const { body } = await shot.cancel();
    expect(body.video).toMatchObject({ status: 'failed', error: { code: 'CANCELLED', charged: 'yes' } });
    await rig.double.script([{ match: 'GET /files', status: 403, body: 'no' }]);
    await scene.settle('is lost');

    const again = await shot.click({ isFree: true });
    expect(again).toMatchObject({ status: 202, body: { video: { attempt_id: body.video.attempt_id } } });
    await rig.double.script([]);
    expect(await judge(rig, shot)).toEqual([]);
    expect(await requestsOf(rig, shot, 'DELETE')).toEqual([]);
    expect(await createsOf(rig, shot)).toBe(1);
  }));

test('a vendor is told of a cancellation until it takes it, and what cannot be cancelled arrives as a take', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    await rig.double.set({ ends: 'never' });
    await scenes.polling(rig, shot, deleteRules(rig.vendor, 'an error twice, then 204'), 'comes');
    await rig.double.release();
    const { body } = await shot.cancel();
    expect(isCancelled(body.video as Video)).toBe(true);
    if (rig.vendor !== 'kling') {
      expect(await soon(async () => (await rig.double.tasks()).length === 0)).toBe(true);
      return expect(await requestsOf(rig, shot, 'DELETE')).toHaveLength(3);
    }
    await rig.double.set({ ends: 'completed' });
    const { video, takes } = await shot.until((workspace) => workspace.takes.length === 1, 'the take');
    expect(isCancelled(video)).toBe(true);
    expect(takes).toMatchObject([{ status: 'completed', attempt_id: body.video.attempt_id }]);
  }));

test('a cancellation of an older attempt leaves the running one alone', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot({ hasClip: true });
    const older = (await shot.load()).video.attempt_id;
    await rig.double.set({ ends: 'never' });
    const { body } = await shot.click();
    expect(await shot.cancel({ attempt_id: older })).toMatchObject({
      status: 409,
      body: { error: { code: 'NOT_GENERATING' } },
    });
    expect((await shot.load()).video.status).toBe('generating');
    expect(await shot.cancel({ attempt_id: body.video.attempt_id })).toMatchObject({ status: 200 });
    expect(await requestsOf(rig, shot, wire[rig.vendor].create)).toHaveLength(2);
  }));
