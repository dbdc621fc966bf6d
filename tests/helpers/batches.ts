import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Batch, type BatchItem, type StoredBatch } from '../../src/db/batch';
import { Charge } from '../../src/db/charge';
import { Film, type StoredFilm } from '../../src/db/film';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { isOpen } from '../../src/batches/store';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import { active } from '../../src/generation/attempt';
import { release } from '../../src/generation/queue';
import { imageFile } from '../../src/media/images';
import { makeUploadFolders } from '../../src/media/uploads';
import { videoFile } from '../../src/media/videos';
import { processId } from '../../src/utils/process-id';
import { anyModel } from '../fixtures/models';
import { film_id } from '../fixtures/workspaces';
import { ago, fakeProvider, finishedVideo, newJob, newWorkspace, plugIn } from './attempts';
import { forgetCosts } from './charges';
import { useDatabase } from './database';

/** The picture of every shot, whose file is there. */
export const picture = 'uploads/images/picture.png';
export const otherPicture = 'uploads/images/other.png';
const { form_data: form } = newJob();

/** Half a dollar for each shot of five seconds, with end frames. */
export const model = { ...anyModel, id: 'model-1', end_image: true };

/** Gives each test of a file a film without shots, and Runway in the place of which a fake answers. */
export function useBatches(): void {
  useDatabase();
  beforeAll(async () => {
    await Promise.all([Batch.createIndexes(), Charge.createIndexes()]);
    await makeUploadFolders();
    await mkdir(imageFile('.'), { recursive: true });
    for (const file of [picture, otherPicture]) await writeFile(imageFile(file), 'a picture');
  });
  beforeEach(async () => {
    plugIn('runway', fakeProvider({ models: [model] }));
    await Film.create({ _id: film_id });
  });
  afterEach(async () => {
    for (const attempt of [...active.values()]) release(attempt);
    await Promise.all([Batch.deleteMany({}), Workspace.deleteMany({}), forgetCosts()]);
  });
}

export const theFilm = async (): Promise<StoredFilm> => (await Film.findById(film_id).lean<StoredFilm>())!;

let place = 0;

/** Appends a shot that can be generated and that was left alone for long enough; returns its id. */
export async function addShot(fields: Partial<StoredWorkspace> = {}, more: Partial<FormData> = {}): Promise<string> {
  const form_data = { ...form, ...more };
  const own = { order_index: ++place, updated_at: ago(10_000).toISOString(), image_path: picture };
  return String((await newWorkspace({ ...own, ...fields, form_data }))._id);
}

/** The video of a shot that was made as it is stored. */
export const upToDate = (more: Partial<Video> = {}): Video => ({
  ...finishedVideo('clip'),
  provider: 'runway',
  form_data: form,
  image_url: `/${picture}`,
  ...more,
});

/** Puts the file of a clip where its download would. */
export async function putClip(attemptId: string): Promise<void> {
  await mkdir(path.dirname(videoFile(attemptId)), { recursive: true });
  await copyFile(path.resolve(__dirname, '../fixtures/clip.mp4'), videoFile(attemptId));
}

/** An item of a batch that waits for its turn. */
export const itemOf = (workspace_id: string, more: Partial<BatchItem> = {}): BatchItem => ({
  workspace_id,
  attempt_id: null,
  state: 'waiting',
  reason: null,
  waits_for: null,
  planned_over: null,
  cost: null,
  ...more,
});

/** Stores a batch, running unless it is told otherwise. */
export async function newBatch(items: BatchItem[], more: Partial<StoredBatch> = {}): Promise<StoredBatch> {
  const open = items.filter(isOpen);
  const stored = await Batch.create({
    film_id,
    status: 'running',
    items,
    open: open.map(({ workspace_id }) => workspace_id),
    estimate: [],
    lease: { owner: processId, until: new Date(0) },
    ...more,
  });
  return stored.toObject<StoredBatch>();
}

export const batchOf = async ({ _id }: Pick<StoredBatch, '_id'>): Promise<StoredBatch> =>
  (await Batch.findById(_id).lean<StoredBatch>())!;

/** The items of a batch in words, such as `generating` or `failed SPEND_LIMIT_REACHED`. */
export const inWords = ({ items }: Pick<StoredBatch, 'items'>): string[] =>
  items.map(({ state, reason }) => [state, reason?.code].filter(Boolean).join(' '));
