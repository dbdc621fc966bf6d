process.env.FFMPEG_PATH = 'no-ffmpeg';
process.env.RUNWAY_API_KEY = 'key_runway';
process.env.VIDEO_PROVIDER = 'runway';

import { mkdir, rm, writeFile } from 'node:fs/promises';
import mongoose, { mongo } from 'mongoose';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import { Workspace } from '../../src/db/workspace';
import { active } from '../../src/generation/attempt';
import { cancelVideo } from '../../src/generation/cancel';
import { release } from '../../src/generation/queue';
import { requestVideo, type Click } from '../../src/generation/request';
import { imageFile } from '../../src/media/images';
import { makeUploadFolders } from '../../src/media/uploads';
import type { Submitted } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import {
  ago,
  fakeProvider,
  finishedTask,
  finishedVideo,
  hourMs,
  jobOf,
  newAttempt,
  newJob,
  newWorkspace,
  plugIn,
  rejectionOf,
  resultOf,
  storedOf,
  type Attempted,
  type FakeProvider,
  type Given,
} from '../helpers/attempts';
import { eventually } from '../helpers/generating';
import { useDatabase } from '../helpers/database';

const accepted: Submitted = { state: 'accepted', taskId: 'task-new' };
const imagePath = 'uploads/images/picture.png';
const { form_data: form } = newJob();

let provider: FakeProvider;

useDatabase();
beforeAll(async () => {
  await makeUploadFolders();
  await mkdir(imageFile('.'), { recursive: true });
  await writeFile(imageFile(imagePath), 'a picture');
});
beforeEach(() => {
  provider = plugIn('runway', fakeProvider({ submit: accepted, check: { state: 'running' } }));
});
afterEach(async () => {
  for (const attempt of [...active.values()]) release(attempt);
  jest.restoreAllMocks();
  await Workspace.deleteMany({});
});

const click = (workspaceId: unknown, more: Partial<Click> = {}) =>
  requestVideo({ workspaceId: String(workspaceId), acceptSecondCharge: false, ...more });

/** A click that is refused, and changes nothing. */
async function refusal(workspaceId: unknown, more: Partial<Click> = {}): Promise<AppError> {
  const before = await Workspace.findById(workspaceId).lean();
  const error = await rejectionOf(click(workspaceId, more));
  expect(await Workspace.findById(workspaceId).lean()).toEqual(before);
  expect(provider.calls.submit).toBe(0);
  return error;
}

/** Waits until the attempt of a workspace is let go, and returns what is stored. */
const settled = async (attempt: Attempted) => {
  await eventually(async () => !active.has(attempt.job.attempt_id));
  return resultOf(attempt);
};

describe('a click', () => {
  test('a click is answered once the provider accepted it', async () => {
    const { _id } = await newWorkspace();
    const answer = await click(_id);
    expect(answer).toMatchObject({
      workspace_id: String(_id),
      task_id: 'task-new',
      video: {
        status: 'generating',
        phase: 'queued',
        provider: 'runway',
        model: 'model-1',
        form_data: form,
        error: null,
      },
    });
    expect(provider.sent).toMatchObject({ form_data: form, imageFile: imageFile(imagePath), model: 'model-1' });
    expect(provider.calls.submit).toBe(1);
  });

  test('a click is answered at once when it must wait for its turn', async () => {
    for (let index = 0; index < 3; index++) await newAttempt({ state: 'polling' });
    const { _id } = await newWorkspace();
    expect(await click(_id)).toMatchObject({ task_id: null, video: { status: 'generating', phase: 'queued' } });
    expect(provider.calls.submit).toBe(0);
  });

  test('clicks that came before a video was made do not make it again once it is', async () => {
    provider = plugIn('runway', fakeProvider({ submit: accepted, check: finishedTask }));
    const { _id } = await newWorkspace();
    const clicks = await Promise.allSettled(Array.from({ length: 30 }, () => click(_id)));
    const refused = clicks.flatMap((one) => (one.status === 'rejected' ? [(one.reason as AppError).code] : []));
    expect(refused).toEqual(Array.from({ length: 29 }, () => 'VIDEO_IN_PROGRESS'));
    expect(provider.calls.submit).toBe(1);
  });

  test.each([
    ['a refusal', { state: 'refused', code: 'CONTENT_REFUSED', reason: '?' }, 'CONTENT_REFUSED'],
    ['a lost answer', new AppError('PROVIDER_TIMEOUT', '?'), 'SUBMIT_UNKNOWN'],
  ] as [string, Submitted | Error, string][])('a click is answered with %s', async (_, submit, code) => {
    plugIn('runway', fakeProvider({ submit }));
    const { _id } = await newWorkspace();
    expect(await rejectionOf(click(_id))).toMatchObject({ code });
    expect((await Workspace.findById(_id).lean())!.video.error!.code).toBe(code);
  });

  test('a click of which nobody hears the answer is answered by its cancellation', async () => {
    const { _id } = await newWorkspace();
    plugIn(
      'runway',
      fakeProvider({ submit: () => cancelVideo(String(_id)).then(() => accepted), cancel: 'confirmed' }),
    );
    expect(await click(_id)).toMatchObject({
      task_id: null,
      video: { status: 'failed', error: { code: 'CANCELLED' } },
    });
  });

  test('a click keeps the last good video as the first take', async () => {
    const { _id } = await newWorkspace({ video: finishedVideo('good') });
    await click(_id);
    expect((await Workspace.findById(_id).lean())!.takes).toMatchObject([{ status: 'completed' }]);
  });

  test('of a click at the same moment as another, one is accepted', async () => {
    const { _id } = await newWorkspace();
    const both = await Promise.allSettled([click(_id), click(_id)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'VIDEO_IN_PROGRESS' } });
    expect(provider.calls.submit).toBe(1);
  });
});

describe('a click that cannot be', () => {
  test('a click while a video is generated is VIDEO_IN_PROGRESS', async () => {
    const { workspaceId } = await newAttempt({ state: 'polling' });
    expect(await refusal(workspaceId)).toMatchObject({ code: 'VIDEO_IN_PROGRESS' });
  });

  test('a click in the trash, or nowhere, is WORKSPACE_NOT_FOUND', async () => {
    const { _id } = await newWorkspace({ deleted_at: new Date() });
    expect(await refusal(_id)).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    expect(await rejectionOf(click(new mongoose.Types.ObjectId()))).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
  });

  test.each([
    ['no picture', null],
    ['a picture whose file is gone', 'uploads/images/gone.png'],
  ])('a click with %s is IMAGE_MISSING', async (_, image_path) => {
    const { _id } = await newWorkspace({ image_path });
    expect(await refusal(_id)).toMatchObject({ code: 'IMAGE_MISSING' });
  });

  test.each([
    ['a length that the provider does not make', { duration_s: 7 }, 'duration_s'],
    ['a ratio that the provider does not make', { aspect_ratio: '21:9' }, 'aspect_ratio'],
    ['a prompt that is too long', { prompt: 'x'.repeat(501) }, 'prompt'],
    ['no words at all', { prompt: ' ' }, 'prompt'],
  ] as [string, Partial<FormData>, string][])('a click with %s is INVALID_INPUT', async (_, fields, field) => {
    const { _id } = await newWorkspace({ form_data: { ...form, ...fields } });
    expect(await refusal(_id)).toMatchObject({ code: 'INVALID_INPUT', details: [{ path: `form_data.${field}` }] });
  });

  test.each([
    ['without a file', 'no-such-provider', 'INVALID_INPUT'],
    ['without a key', 'pika', 'PROVIDER_NOT_CONFIGURED'],
  ])('a click at a provider %s', async (_, name, code) => {
    const { _id } = await newWorkspace();
    expect(await refusal(_id, { provider: name })).toMatchObject({ code });
  });

  test('a click needs no words where a word of the vocabulary is chosen', async () => {
    const { _id } = await newWorkspace({ form_data: { ...emptyForm, camera_movement: 'push_in' } });
    expect(await click(_id)).toMatchObject({ task_id: 'task-new' });
  });
});

describe('what the user saw', () => {
  const seen = { form_data: form, image_path: imagePath };

  test.each([
    ['the form', { form_data: { ...form, prompt: 'Other words.' } }],
    ['one number of the form', { form_data: { ...form, seed: 1 } }],
    ['the picture', { image_path: 'uploads/images/other.png' }],
    ['the picture, which is gone', { image_path: null }],
  ])('what the user saw is not what is stored: %s is another', async (_, stored) => {
    const { _id } = await newWorkspace(stored);
    expect(await refusal(_id, { expects: seen })).toMatchObject({ code: 'FORM_CHANGED' });
  });

  test('what the user saw is what is stored, in whatever order its keys come', async () => {
    const { _id } = await newWorkspace();
    const reversed = Object.fromEntries(Object.entries(form).reverse()) as FormData;
    const expects = { image_path: imagePath, form_data: reversed };
    expect(await click(_id, { expects })).toMatchObject({ task_id: 'task-new' });
  });

  test('what the user saw is asked for before a clip that is made is fetched again', async () => {
    const { workspaceId } = await newAttempt({ state: 'download_failed', provider: 'runway' });
    const expects = { ...seen, form_data: { ...form, seed: 1 } };
    expect(await refusal(workspaceId, { expects })).toMatchObject({ code: 'FORM_CHANGED' });
  });
});

describe('a click after one in doubt', () => {
  const failedVideo: Video = { ...finishedVideo('failed'), status: 'failed', url: null };
  const idle = { job: null, video: failedVideo };
  const doubtful: [string, Given][] = [
    ['lies in its place', { state: 'in_doubt' }],
    ['was cancelled', { state: 'in_doubt', isCancelled: true }],
    ['lies behind a take that was chosen', { state: 'in_doubt', isTakeChosen: true }],
    ['was superseded', { state: 'in_doubt', isSuperseded: true, workspace: idle }],
    ['was cancelled while its answer is out', { state: 'submitting', isCancelled: true }],
    [
      'was cancelled and superseded while its answer is out',
      { state: 'submitting', isCancelled: true, isSuperseded: true, workspace: idle },
    ],
  ];

  test.each(doubtful)('a click after one in doubt is refused: it %s', async (_, given) => {
    const { workspaceId } = await newAttempt(given);
    expect(await refusal(workspaceId)).toMatchObject({ code: 'SECOND_CHARGE_POSSIBLE' });
  });

  test.each(doubtful)(
    'a click after one in doubt pays when the user accepts that, and the next click is not warned: it %s',
    async (_, given) => {
      const attempt = await newAttempt(given);
      expect(await click(attempt.workspaceId, { acceptSecondCharge: true })).toMatchObject({ task_id: 'task-new' });
      expect(await jobOf(attempt)).toMatchObject({ risk_accepted: true });
      const { job } = await storedOf(attempt);
      const [running] = [...active.values()];
      release(running!);
      await Workspace.updateOne({ _id: attempt.workspaceId }, { job: null, video: failedVideo });
      expect(job!.attempt_id).not.toBe(attempt.job.attempt_id);
      expect(await click(attempt.workspaceId)).toMatchObject({ task_id: 'task-new' });
    },
  );

  test('a click after one in doubt finds that one at a provider that can be asked again, and pays nothing', async () => {
    plugIn('runway', fakeProvider({ deduplication: 'lookup', lookup: 'task-found', check: { state: 'running' } }));
    const attempt = await newAttempt({ state: 'in_doubt', provider: 'runway' });
    expect(await rejectionOf(click(attempt.workspaceId))).toMatchObject({ code: 'VIDEO_IN_PROGRESS' });
    expect(await resultOf(attempt)).toMatchObject({ job: 'polling' });
  });

  test('a click after one in doubt is refused where only the video remembers it', async () => {
    const attempt = await newAttempt({ state: 'in_doubt' });
    await Workspace.updateOne({ _id: attempt.workspaceId }, { job: null });
    expect(await refusal(attempt.workspaceId)).toMatchObject({ code: 'SECOND_CHARGE_POSSIBLE' });
  });

  test.each([
    ['timed out', { state: 'timed_out', provider: 'runway' }],
    ['runs and was cancelled', { state: 'polling', isCancelled: true, provider: 'runway' }],
  ] as [string, Given][])('a click after one in doubt is not refused for one that %s', async (_, given) => {
    const attempt = await newAttempt(given);
    expect(await click(attempt.workspaceId)).toMatchObject({ task_id: 'task-new' });
    expect(await jobOf(attempt)).toMatchObject({ risk_accepted: false });
  });
});

describe('a clip that is made and not fetched', () => {
  const idle = { job: null, video: { ...finishedVideo('failed'), status: 'failed', url: null } } as const;
  const old = { accepted_at: ago(72 * hourMs) };
  const made: [string, Given][] = [
    ['lies in its place', { state: 'download_failed' }],
    ['lies behind a take that was chosen', { state: 'download_failed', isTakeChosen: true }],
    ['was superseded', { state: 'download_failed', isSuperseded: true, workspace: idle }],
    ['was made three days ago', { state: 'download_failed', job: old }],
    ['was cancelled', { state: 'download_failed', isCancelled: true }],
    ['was cancelled while it was fetched', { state: 'downloading', isCancelled: true }],
    ['was cancelled and superseded', { state: 'downloading', isCancelled: true, isSuperseded: true, workspace: idle }],
  ];

  test.each(made)(
    'a clip that is made and not fetched is fetched by the same click again, which pays nothing: it %s',
    async (_, given) => {
      provider = plugIn('runway', fakeProvider({ check: finishedTask }));
      const attempt = await newAttempt({ provider: 'runway', ...given });
      const { attempt_id, task_id } = attempt.job;
      expect(await click(attempt.workspaceId)).toMatchObject({
        task_id,
        video: { attempt_id, status: 'generating', phase: 'downloading' },
      });
      expect(await settled(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
      expect(provider.calls.submit).toBe(0);
      expect((await storedOf(attempt)).superseded).toEqual([]);
    },
  );

  test('a clip that is made and not fetched is fetched in spite of another attempt in doubt', async () => {
    provider = plugIn('runway', fakeProvider({ check: finishedTask }));
    const doubt = newJob({ state: 'in_doubt', provider: 'runway' }, 'doubt');
    const attempt = await newAttempt({
      state: 'download_failed',
      provider: 'runway',
      workspace: { superseded: [doubt] },
    });
    await click(attempt.workspaceId);
    expect(await settled(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
    expect((await storedOf(attempt)).superseded).toMatchObject([{ state: 'in_doubt', risk_accepted: false }]);
  });

  test('a clip that is made and not fetched is fetched without the picture, which is not needed any more', async () => {
    provider = plugIn('runway', fakeProvider({ check: finishedTask }));
    const job = { image_path: 'uploads/images/gone.png' };
    const attempt = await newAttempt({ state: 'download_failed', provider: 'runway', job, workspace: job });
    await click(attempt.workspaceId);
    expect(await settled(attempt)).toMatchObject({ video: 'mine completed' });
  });

  test.each([
    ['another form', { workspace: { form_data: { ...form, seed: 7 } } }, {}],
    ['another picture', { job: { image_path: 'uploads/images/other.png' } }, {}],
    ['another provider', { provider: 'kling' }, { provider: 'runway' }],
  ] as [string, Given, Partial<Click>][])(
    'a clip that is made and not fetched is left where it is by a click of %s, which pays',
    async (_, given, more) => {
      const attempt = await newAttempt({ state: 'download_failed', provider: 'runway', ...given });
      expect(await click(attempt.workspaceId, more)).toMatchObject({ task_id: 'task-new' });
      expect(await resultOf(attempt)).toMatchObject({ job: 'superseded download_failed' });
    },
  );

  test('a clip that is made and not fetched is fetched once the form is what it was', async () => {
    const attempt = await newAttempt({ state: 'download_failed', provider: 'runway' });
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'form_data.prompt': 'Other words.' });
    provider = plugIn('runway', fakeProvider({ submit: { state: 'refused', code: 'PROVIDER_QUOTA', reason: '402' } }));
    await rejectionOf(click(attempt.workspaceId));
    await Workspace.updateOne({ _id: attempt.workspaceId }, { 'form_data.prompt': form.prompt });
    provider = plugIn('runway', fakeProvider({ check: finishedTask }));
    await click(attempt.workspaceId);
    expect(await settled(attempt)).toMatchObject({ job: 'ended', video: 'mine completed' });
  });

  test('of two clips that are made and not fetched, the newer one is fetched', async () => {
    provider = plugIn('runway', fakeProvider({ check: finishedTask }));
    const older = newJob({ state: 'download_failed', provider: 'runway' }, 'older');
    const attempt = await newAttempt({
      state: 'download_failed',
      provider: 'runway',
      workspace: { superseded: [older] },
    });
    expect(await click(attempt.workspaceId)).toMatchObject({ video: { attempt_id: attempt.job.attempt_id } });
  });

  test('a clip that is made and gone ends with a word, so that the next click pays', async () => {
    provider = plugIn('runway', fakeProvider({ check: { state: 'not_found', reason: '404' }, submit: accepted }));
    const attempt = await newAttempt({ state: 'download_failed', provider: 'runway' });
    await click(attempt.workspaceId);
    expect(await settled(attempt)).toMatchObject({ job: 'ended', video: 'mine failed TASK_FAILED yes' });
    expect(await click(attempt.workspaceId)).toMatchObject({ task_id: 'task-new' });
  });
});

describe('the same request_id again', () => {
  const first = { requestId: 'click-1' };

  test('the same request_id again at the same time has the same answer, and one create', async () => {
    const { _id } = await newWorkspace();
    const [one, two] = await Promise.all([click(_id, first), click(_id, first)]);
    expect(one).toEqual(two);
    expect(provider.calls.submit).toBe(1);
  });

  test('the same request_id again while it runs is answered about it', async () => {
    const { _id } = await newWorkspace();
    const answer = await click(_id, first);
    expect(await click(_id, first)).toMatchObject({
      task_id: 'task-new',
      video: { attempt_id: answer.video.attempt_id },
    });
    expect(provider.calls.submit).toBe(1);
  });

  test('the same request_id again is answered about itself after other clicks, wherever its video is by then', async () => {
    const submit = [1, 2, 3].map((number): Submitted => ({ state: 'accepted', taskId: `task-${number}` }));
    const broken = { state: 'failed', code: 'TASK_FAILED', reason: '?', charged: 'no' } as const;
    plugIn('runway', fakeProvider({ submit, check: [finishedTask, broken, finishedTask] }));
    const { _id } = await newWorkspace();
    for (const requestId of ['click-1', 'click-2', 'click-3']) {
      await click(_id, { requestId });
      await eventually(async () => active.size === 0);
    }
    const again = (requestId: string) => click(_id, { requestId });
    expect(await again('click-1')).toMatchObject({ task_id: 'task-1', video: { status: 'completed' } });
    expect(await again('click-2')).toMatchObject({ task_id: 'task-2', video: { error: { code: 'TASK_FAILED' } } });
    expect(await again('click-3')).toMatchObject({ task_id: 'task-3', video: { status: 'completed' } });
  });

  test('the same request_id again is refused again as it was, also after another click', async () => {
    const refused: Submitted = { state: 'refused', code: 'PROVIDER_QUOTA', reason: '402' };
    const paid = plugIn('runway', fakeProvider({ submit: [refused, accepted], check: { state: 'running' } }));
    const { _id } = await newWorkspace();
    const error = await rejectionOf(click(_id, first));
    expect(error).toMatchObject({ code: 'PROVIDER_QUOTA' });
    await click(_id, { requestId: 'click-2' });
    expect(await rejectionOf(click(_id, first))).toMatchObject({ code: error.code, message: error.message });
    expect(paid.calls.submit).toBe(2);
  });

  test('the same request_id again whose video is not kept any more is NOT_FOUND', async () => {
    const clicks = [{ request_id: 'click-1', attempt_id: 'long-gone' }];
    const { _id } = await newWorkspace({ clicks });
    expect(await refusal(_id, first)).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('the same request_id again is answered anew where only the database kept the first from an answer', async () => {
    const refused: Submitted = { state: 'refused', code: 'PROVIDER_QUOTA', reason: '402' };
    const away = new mongo.MongoNetworkError('closed');
    const lose = async (): Promise<Submitted> => {
      jest.spyOn(Workspace.collection, 'findOne').mockRejectedValueOnce(away).mockRejectedValueOnce(away);
      return refused;
    };
    plugIn('runway', fakeProvider({ submit: lose }));
    const { _id } = await newWorkspace();
    expect(await rejectionOf(click(_id, first))).toBe(away);
    jest.restoreAllMocks();
    expect(await rejectionOf(click(_id, first))).toMatchObject({ code: 'PROVIDER_QUOTA' });
  });

  test('the same request_id again after a refusal is refused as it was, though it could be started by now', async () => {
    const { _id } = await newWorkspace();
    await rm(imageFile(imagePath));
    const error = await rejectionOf(click(_id, first));
    expect(error).toMatchObject({ code: 'IMAGE_MISSING' });
    await writeFile(imageFile(imagePath), 'a picture');
    expect((await rejectionOf(click(_id, first))).body).toEqual(error.body);
    expect(await click(_id, { requestId: 'click-2' })).toMatchObject({ task_id: 'task-new' });
    expect((await rejectionOf(click(_id, first))).body).toEqual(error.body);
  });

  test('the same request_id again after a refusal while a video was generated starts nothing once that is done', async () => {
    const attempt = await newAttempt({ state: 'polling' });
    expect(await rejectionOf(click(attempt.workspaceId, first))).toMatchObject({ code: 'VIDEO_IN_PROGRESS' });
    await Workspace.updateOne({ _id: attempt.workspaceId }, { video: finishedVideo('done'), job: null });
    expect(await rejectionOf(click(attempt.workspaceId, first))).toMatchObject({ code: 'VIDEO_IN_PROGRESS' });
    expect(provider.calls.submit).toBe(0);
  });

  test('the same request_id again is answered about itself, however many clicks were refused since', async () => {
    const { _id } = await newWorkspace();
    const answer = await click(_id, first);
    for (let index = 0; index < 65; index++)
      expect(await rejectionOf(click(_id, { requestId: `late-${index}` }))).toMatchObject({
        code: 'VIDEO_IN_PROGRESS',
      });
    expect(await click(_id, first)).toMatchObject({ task_id: answer.task_id });
    await Workspace.updateOne({ _id }, { 'video.status': 'completed', job: null });
    expect(await click(_id, first)).toMatchObject({ task_id: answer.task_id });
    expect(provider.calls.submit).toBe(1);
  });

  test('the same request_id again is told the field that did not fit', async () => {
    const { _id } = await newWorkspace({ form_data: { ...emptyForm, prompt: 'A lamp.', duration_s: 7 } });
    const error = await rejectionOf(click(_id, first));
    expect(error).toMatchObject({ code: 'INVALID_INPUT', details: [{ path: 'form_data.duration_s' }] });
    await Workspace.updateOne({ _id }, { 'form_data.duration_s': 5 });
    expect((await rejectionOf(click(_id, first))).body).toEqual(error.body);
  });
});
