import { click as clickAt, vendors, wire, type Vendor } from '../helpers/generating';
import { setsState, sets, writesTo, type Rule } from './message-proxy';
import { atEach, createsOf, judge, requestsOf, soon, within, patienceMs, type Judged } from './rig';
import type { Rig, Shot } from './rig';
import { allCells, fateNames, runSteps, settings, stepNames, type Cell } from './steps';
import { useRigs } from './use-rigs';

jest.setTimeout(60_000);

/** A quarter of the campaign, in which each step meets a fate of its own at each vendor. */
const cells = allCells.filter(({ vendor, step, fate }) => {
  const turn = stepNames.indexOf(step) + vendors.indexOf(vendor) + fateNames.indexOf(fate);
  return turn % fateNames.length === 0;
});

/** What each vendor says of a create whose picture it cannot read. */
const unreadable: Record<Vendor, { status: number; body: unknown }> = {
  runway: { status: 400, body: { error: 'Validation of body failed', issues: [] } },
  pika: { status: 422, body: { message: 'image: is not an image' } },
  kling: { status: 400, body: { code: 1201, message: 'image format must be jpg or png' } },
};

const retryable = { code: 262, labels: ['RetryableWriteError'] };

const rigs = useRigs(settings);

describe('the write of a step that is lost, refused or late', () => {
  let all: Judged<Cell>[];

  beforeAll(async () => {
    ({ all } = await runSteps({ cells, rigs, print: () => undefined }));
  }, 150_000);

  test.each(cells)('a step whose write fails loses nothing and pays nothing twice: $vendor, $step, $fate', (cell) => {
    const { faults } = all.find(
      ({ vendor, step, fate }) => `${vendor}${step}${fate}` === Object.values(cell).join(''),
    )!;
    expect(faults).toEqual([]);
  });
});

const write = ({ proxy }: Rig, { id }: Shot, step: Parameters<Rig['proxy']['rule']>[0]): Rule =>
  proxy.rule({ ...step, matches: (command) => writesTo(command, id) && step.matches(command) });

const isCompleted = ({ video }: { video: { status: string } }) => video.status === 'completed';
const firstTake = async (shot: Shot): Promise<string> => (await shot.load()).takes[0]!.attempt_id!;

test('a take that is chosen while the end of another attempt is stored again stays the video, and stays whole', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot({ hasClip: true });
    await rig.double.script([{ match: wire[rig.vendor].create, status: 500, body: 'oops' }]);
    const inDoubt = (command: object) => setsState(command, 'in_doubt');
    const losing = write(rig, shot, { matches: inDoubt, act: 'lose', times: 2 });
    const refusing = write(rig, shot, { matches: inDoubt, act: 'refuse', times: Infinity, ...retryable });
    const clicked = shot.click();
    await within(patienceMs, losing.met(2), 'the end of the attempt');

    const take = await firstTake(shot);
    expect(await shot.choose(take)).toMatchObject({ type: 'workspace.sync_confirm' });
    refusing.lift();
    await within(patienceMs, clicked, 'the answer to the click');
    await rig.double.script([]);
    expect((await shot.load()).video).toMatchObject({ status: 'completed', attempt_id: take, error: null });

    expect(await shot.click({ accept_second_charge: true })).toMatchObject({ status: 202 });
    await shot.until(isCompleted, 'the next clip');
    expect((await shot.load()).takes.map(({ attempt_id }) => attempt_id)).toContain(take);
    expect(await judge(rig, shot)).toEqual([]);
  }));

test('an accepted task is adopted within a lease round when the database refuses it once', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    const refusing = write(rig, shot, {
      matches: (command) => setsState(command, 'polling'),
      act: 'refuse',
      code: 8000,
    });
    await shot.click();
    await within(patienceMs, refusing.met(), 'the refusal');
    expect(await soon(async () => isCompleted(await shot.load()), 4000)).toBe(true);
    expect(shot.told().map(({ error }) => error?.code)).not.toContain('SUBMIT_UNKNOWN');
    expect(await createsOf(rig, shot)).toBe(1);
  }));

test('a create does not leave after its cancellation was stored, however late the intent is acknowledged', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    const holding = write(rig, shot, { matches: (command) => setsState(command, 'submitting'), act: 'hold' });
    const clicked = shot.click();
    await within(patienceMs, holding.met(), 'the intent');
    const { status, body } = await shot.cancel();
    expect({ status, code: body.video.error.code }).toEqual({ status: 200, code: 'CANCELLED' });
    expect(body.video).toMatchObject({ status: 'failed' });
    expect(['no', 'maybe']).toContain(body.video.error.charged);
    holding.lift();
    await within(patienceMs, clicked, 'the answer to the click');

    expect(await soon(async () => (await shot.click()).status === 202)).toBe(true);
    await shot.until(isCompleted, 'the clip of the second click');
    expect(await createsOf(rig, shot)).toBe(1);
    expect(await requestsOf(rig, shot, wire[rig.vendor].create)).toHaveLength(1);
  }));

test('an intent whose acknowledgements are lost is sent once, and nobody is told that it may have been charged', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    const losing = write(rig, shot, { matches: (command) => setsState(command, 'submitting'), act: 'lose', times: 2 });
    await shot.click();
    await within(patienceMs, losing.met(2), 'the lost replies');
    await soon(async () => isCompleted(await shot.load()));
    expect(shot.told().map(({ error }) => error?.code)).not.toContain('SUBMIT_UNKNOWN');
    expect((await shot.load()).video).toMatchObject({ status: 'completed' });
    expect(await createsOf(rig, shot)).toBe(1);
  }));

test('a click that was answered while the database was away is answered again with what became of it', () =>
  atEach(rigs, async (rig) => {
    const shot = await rig.newShot();
    const { create } = wire[rig.vendor];
    await rig.double.script([{ match: create, hold: true, ...unreadable[rig.vendor] }]);
    const request = { request_id: 'one-click' };
    const first = clickAt(rig.server(), shot.id, request);
    await soon(async () => (await requestsOf(rig, shot, create)).length === 1);
    const losing = rig.proxy.rule({
      matches: ({ find, filter }) => find === 'workspaces' && String(filter?._id) === shot.id,
      act: 'lose',
      times: 2,
    });
    await rig.double.release();
    const { body } = await within(patienceMs, first, 'the first answer');
    losing.lift();
    expect(['DATABASE_UNAVAILABLE', 'INVALID_INPUT']).toContain(body.error.code);

    expect(await clickAt(rig.server(), shot.id, request)).toMatchObject({ body: { error: { code: 'INVALID_INPUT' } } });
    expect((await shot.load()).video).toMatchObject({ status: 'failed', error: { code: 'INVALID_INPUT' } });
    expect(await requestsOf(rig, shot, create)).toHaveLength(1);
  }));

describe('a choice of a take whose replies are lost, sent again', () => {
  /** A paid video that could not be fetched gives way to a take; the choice is acknowledged at the second try. */
  async function chooseThroughLoss(rig: Rig): Promise<{ shot: Shot; take: string; since: number }> {
    const shot = await rig.newShot({ hasClip: true });
    await rig.double.script([{ match: 'GET /files', status: 403, body: 'no' }]);
    await shot.click();
    await shot.until(({ video }) => video.error?.code === 'DOWNLOAD_FAILED', 'DOWNLOAD_FAILED');
    const take = await firstTake(shot);
    const since = rig.socket().frames.length;
    const losing = write(rig, shot, { matches: (command) => sets(command, 'takes'), act: 'lose', times: 2 });
    expect(await shot.choose(take)).toMatchObject({ type: 'workspace.sync_confirm' });
    expect(losing.count()).toBe(2);
    return { shot, take, since };
  }

  test('the paid video behind a choice whose replies were lost is followed without a restart, and arrives as a take', () =>
    atEach(rigs, async (rig) => {
      const { shot, take } = await chooseThroughLoss(rig);
      await rig.double.script([]);
      expect(await judge(rig, shot)).toEqual([]);
      const { video, takes } = await shot.load();
      expect(video.attempt_id).toBe(take);
      expect(takes).toMatchObject([{ status: 'completed' }]);
      expect(await createsOf(rig, shot)).toBe(2);
    }));

  test('the sender of a choice whose replies were lost hears of the video too', () =>
    atEach(rigs, async (rig) => {
      const { shot, take, since } = await chooseThroughLoss(rig);
      const told = rig
        .socket()
        .next((frame) => frame.type === 'video.status_update' && frame.video.attempt_id === take, since);
      expect(await within(3000, told, 'video.status_update')).toMatchObject({
        workspace_id: shot.id,
        takes: [],
        video: { status: 'completed' },
      });
    }));
});
