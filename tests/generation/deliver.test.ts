// A poster is made by another test; the links of this one lead to the address of its provider.
process.env.FFMPEG_PATH = 'no-ffmpeg';
process.env.RUNWAY_BASE_URL = 'http://127.0.0.1:9';

import { copyFile, readFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { takesKept } from '../../src/contract/limits';
import { DroppedClip } from '../../src/db/dropped-clips';
import { Workspace } from '../../src/db/workspace';
import { LeaseLost, type ActiveAttempt } from '../../src/generation/attempt';
import { deliver, fetchClip } from '../../src/generation/deliver';
import { makeUploadFolders } from '../../src/media/uploads';
import { hasVideo, videoFile } from '../../src/media/videos';
import type { Checked } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  finishedTask,
  finishedVideo,
  hourMs,
  lostTask,
  newAttempt,
  nextIn,
  resultOf,
  situations,
  storedOf,
  type Given,
  type Situation,
} from '../helpers/attempts';
import { useDatabase } from '../helpers/database';

const clip = path.resolve(__dirname, '../fixtures/clip.mp4');
const notFound: Checked = { state: 'not_found', reason: '404' };
const away = new AppError('PROVIDER_FAILED', 'away');

let host: http.Server;
/** A link that is answered with this status, and with the clip where that is 200. */
const link = (status: number): Checked => ({
  state: 'completed',
  url: `http://127.0.0.1:${(host.address() as AddressInfo).port}/${status}`,
});

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
  const bytes = await readFile(clip);
  host = http.createServer(({ url }, response) => {
    response.writeHead(Number(url!.slice(1)), { 'Content-Type': 'video/mp4' }).end(bytes);
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  host.closeAllConnections();
  host.close();
});

type Says = Checked | Error | (() => Checked | Promise<Checked>);

/** An attempt whose clip is made, of a provider that answers so when it is asked for a link. */
async function madeAttempt(check: Says | Says[], given: Given = {}) {
  const provider = fakeProvider({ name: 'runway', check });
  const attempt = await newAttempt({ provider: provider.name, state: 'downloading', ...given });
  return { attempt, provider };
}

async function deliverOnce(check: Says | Says[], given: Given = {}) {
  const { attempt, provider } = await madeAttempt(check, given);
  const waitMs = await deliver(attempt, provider);
  return { attempt, provider, next: nextIn(waitMs) };
}

describe('a clip that is made', () => {
  const newer = 'newer generating queued';
  const outcomes: [string, Says, Record<Situation, [next: string, job: string, video: string, takes: string[]]>][] = [
    [
      'is fetched',
      finishedTask,
      {
        plain: ['end', 'ended', 'mine completed', []],
        cancelled: ['end', 'ended', 'mine failed CANCELLED yes', ['mine']],
        'a take was chosen': ['end', 'ended', 'chosen completed', ['mine']],
        superseded: ['end', 'ended', newer, ['mine']],
        'cancelled, superseded': ['end', 'ended', newer, ['mine']],
      },
    ],
    [
      'cannot be fetched',
      lostTask,
      {
        plain: ['recheck', 'download_failed', 'mine failed DOWNLOAD_FAILED yes', []],
        cancelled: ['recheck', 'download_failed', 'mine failed CANCELLED yes', []],
        'a take was chosen': ['recheck', 'download_failed', 'chosen completed', []],
        superseded: ['recheck', 'superseded download_failed', newer, []],
        'cancelled, superseded': ['recheck', 'superseded download_failed', newer, []],
      },
    ],
    [
      'comes without an address',
      { state: 'completed', url: null },
      {
        plain: ['recheck', 'download_failed', 'mine failed DOWNLOAD_FAILED yes', []],
        cancelled: ['recheck', 'download_failed', 'mine failed CANCELLED yes', []],
        'a take was chosen': ['recheck', 'download_failed', 'chosen completed', []],
        superseded: ['recheck', 'superseded download_failed', newer, []],
        'cancelled, superseded': ['recheck', 'superseded download_failed', newer, []],
      },
    ],
    [
      'cannot be asked for',
      away,
      {
        plain: ['recheck', 'download_failed', 'mine failed DOWNLOAD_FAILED yes', []],
        cancelled: ['recheck', 'download_failed', 'mine failed CANCELLED yes', []],
        'a take was chosen': ['recheck', 'download_failed', 'chosen completed', []],
        superseded: ['recheck', 'superseded download_failed', newer, []],
        'cancelled, superseded': ['recheck', 'superseded download_failed', newer, []],
      },
    ],
    [
      'is gone',
      notFound,
      {
        plain: ['end', 'ended', 'mine failed TASK_FAILED yes', []],
        cancelled: ['end', 'ended', 'mine failed TASK_FAILED yes', []],
        'a take was chosen': ['end', 'ended', 'chosen completed', []],
        superseded: ['end', 'ended', newer, []],
        'cancelled, superseded': ['end', 'ended', newer, []],
      },
    ],
  ];
  const table = outcomes.flatMap(([outcome, check, bySituation]) =>
    Object.entries(bySituation).map(([situation, expected]) => ({ outcome, check, situation, expected })),
  );

  test.each(table)(
    'a clip that is made meets $outcome ($situation): $expected',
    async ({ check, situation, expected }) => {
      const { attempt, next } = await deliverOnce(check, situations[situation as Situation]);
      const { job, video, takes } = await resultOf(attempt);
      expect([next, job, video, takes]).toEqual(expected);
      expect(hasVideo(attempt.job.attempt_id)).toBe(video === 'mine completed' || takes.includes('mine'));
    },
  );

  test('a clip that is made says where it is, and what it was made of', async () => {
    const { attempt } = await deliverOnce(finishedTask);
    const { attempt_id, task_id, form_data, provider } = attempt.job;
    expect((await storedOf(attempt)).video).toMatchObject({
      attempt_id,
      task_id,
      form_data,
      provider,
      url: `/uploads/videos/${attempt_id}.mp4`,
      progress: null,
      completed_at: expect.any(Date),
    });
  });

  test('a clip that is made says the same as a take', async () => {
    const { attempt } = await deliverOnce(finishedTask, situations.superseded);
    const { attempt_id, task_id, form_data, provider, model, intent_at } = attempt.job;
    expect((await storedOf(attempt)).takes[0]).toMatchObject({
      attempt_id,
      task_id,
      form_data,
      provider,
      model,
      status: 'completed',
      error: null,
      url: `/uploads/videos/${attempt_id}.mp4`,
      started_at: intent_at,
      completed_at: expect.any(Date),
    });
  });
});

describe('a clip whose video is no longer the attempt’s', () => {
  const takes = () => [finishedVideo('last'), finishedVideo('older')];

  test.each([
    ['a take was chosen', ['mine', 'last', 'older']],
    ['cancelled', ['last', 'mine', 'older']],
    ['superseded', ['last', 'mine', 'older']],
  ] as [Situation, string[]][])(
    'a clip whose video is no longer the attempt’s becomes a take (%s): %j',
    async (situation, expected) => {
      const { attempt } = await deliverOnce(finishedTask, { ...situations[situation], workspace: { takes: takes() } });
      expect((await resultOf(attempt)).takes).toEqual(expected);
    },
  );

  test('a clip whose video is no longer the attempt’s takes the place of the oldest of 20, which is recorded as dropped', async () => {
    const many = Array.from({ length: takesKept }, (_, index) => finishedVideo(`take${index}`));
    const { attempt } = await deliverOnce(finishedTask, { isCancelled: true, workspace: { takes: many } });
    const kept = (await resultOf(attempt)).takes;
    expect(kept).toHaveLength(takesKept);
    expect(kept.slice(0, 3)).toEqual(['take0', 'mine', 'take1']);
    expect(kept).not.toContain('take19');
    expect(await DroppedClip.exists({ _id: many.at(-1)!.attempt_id! })).not.toBeNull();
    expect(await DroppedClip.countDocuments()).toBe(1);
  });
});

describe('the download', () => {
  test('the download asks nothing where the file is there already, as after a crash', async () => {
    const { attempt, provider } = await madeAttempt(away);
    await copyFile(clip, videoFile(attempt.job.attempt_id));
    expect(await deliver(attempt, provider)).toBeNull();
    expect(provider.calls.check).toBe(0);
    expect(await resultOf(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
  });

  test('the download begins with the link that is known, and asks for a fresh one for each further try', async () => {
    const { attempt, provider } = await madeAttempt([link(403), link(200)]);
    attempt.result = link(403) as ActiveAttempt['result'];
    expect(await deliver(attempt, provider)).toBeNull();
    expect(provider.calls.check).toBe(2);
    expect(attempt.result).toBeNull();
    expect(await resultOf(attempt)).toMatchObject({ video: 'mine completed' });
  });

  test('the download tries three times', async () => {
    const { attempt, provider } = await madeAttempt(link(500));
    expect(await fetchClip(attempt, provider, null)).toBe('not_fetched');
    expect(provider.calls.check).toBe(3);
  });

  test('the download fetches what is made by now', async () => {
    const { attempt, provider } = await madeAttempt([{ state: 'running' }, link(200)]);
    expect(await fetchClip(attempt, provider, null)).toBe('fetched');
  });

  const old = { job: { accepted_at: ago(25 * hourMs) } };
  test.each([
    ['after a day, by links that lead nowhere', [link.bind(null, 404)], old, 'gone'],
    ['after a day, by links of files that were removed', [link.bind(null, 410)], old, 'gone'],
    ['after a day, by links that are refused', [link.bind(null, 403)], old, 'not_fetched'],
    ['after a day, by links of which one is refused', [link.bind(null, 403), link.bind(null, 404)], old, 'not_fetched'],
    ['on the first day, by links that lead nowhere', [link.bind(null, 404)], {}, 'not_fetched'],
    ['on the first day, of a task that is not there', [notFound], {}, 'gone'],
    ['after a day, of a provider that is away', [away], old, 'not_fetched'],
  ] as [string, Says[], Given, string][])(
    'a clip is gone, or not fetched for now, %s',
    async (_, check, given, expected) => {
      const { attempt, provider } = await madeAttempt(check, given);
      expect(await fetchClip(attempt, provider, null)).toBe(expected);
    },
  );

  test('the download is kept for later without a provider', async () => {
    const attempt = await newAttempt({ state: 'downloading' });
    expect(nextIn(await deliver(attempt, null))).toBe('recheck');
    expect(await resultOf(attempt)).toMatchObject({ job: 'download_failed' });
  });

  test('the download ends at a stop, and leaves the attempt as it is', async () => {
    const { attempt, provider } = await madeAttempt(() => {
      attempt.stop.abort();
      return lostTask;
    });
    await expect(deliver(attempt, provider)).rejects.toThrow();
    expect(provider.calls.check).toBe(1);
    expect(await resultOf(attempt)).toMatchObject({ job: 'downloading', video: 'mine generating downloading' });
  });

  test('the download of an attempt that another process has taken meanwhile leaves the file, and the word to the other', async () => {
    const { attempt, provider } = await madeAttempt(finishedTask);
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'job.lease.epoch': 2 });
    await expect(deliver(attempt, provider)).rejects.toThrow(LeaseLost);
    expect(hasVideo(attempt.job.attempt_id)).toBe(true);
    expect(await resultOf(attempt)).toMatchObject({ job: 'downloading', video: 'mine generating downloading' });
  });
});
