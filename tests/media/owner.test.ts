import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import { idleVideo } from '../../src/contract/defaults';
import { Installation } from '../../src/db/installation';
import { Workspace } from '../../src/db/workspace';
import { countSweep, ownerWarnings, ownsUploads } from '../../src/media/owner';
import { makeUploadFolders } from '../../src/media/uploads';
import { useDatabase } from '../helpers/database';
import { film_id } from '../fixtures/workspaces';

const inUploads = (...names: string[]) => path.join(config.UPLOAD_DIR, ...names);
const put = (...names: string[]) => writeFile(inUploads(...names), 'x');
const markOfFolder = async () => JSON.parse(await readFile(inUploads('.owner'), 'utf8')) as object;
const markOfDatabase = async () => {
  const stored = await Installation.findOne({ _id: 'timeline' }).lean();
  return stored?.uploads_id ? { id: stored.uploads_id, sweeps: stored.sweeps } : null;
};
const useImage = () => Workspace.create({ film_id, order_index: 0, image_path: 'uploads/images/known.png' });

useDatabase();

beforeEach(async () => {
  await rm(config.UPLOAD_DIR, { recursive: true, force: true });
  await Promise.all([Workspace.deleteMany({}), Installation.deleteMany({})]);
  await makeUploadFolders();
});

// The first test, as only the first look of a process has it.
test('an image that was uploaded before the database was there leaves a new folder its own', async () => {
  await put('images', 'early.png');
  expect(await ownsUploads()).toBe(true);
});

describe('a folder without a mark', () => {
  test('a folder without a mark belongs to the database that finds it empty, and is marked in both', async () => {
    await put('images', '.gitkeep');
    expect(await ownsUploads()).toBe(true);
    expect(await markOfFolder()).toEqual({ id: expect.stringMatching(/^[0-9a-f]{32}$/), sweeps: 0 });
    expect(await markOfFolder()).toEqual(await markOfDatabase());
    expect(await ownsUploads()).toBe(true);
    expect(ownerWarnings()).toEqual([]);
  });

  test.each([
    ['an image', ['images', 'known.png']],
    ['a clip', ['videos', 'take.mp4']],
  ])('a folder without a mark belongs to a database that knows %s of it', async (_what, [part, name]) => {
    await put('images', 'unknown.png');
    await put(part!, name!);
    const take = { ...idleVideo, status: 'completed' as const, attempt_id: 'take' };
    await Workspace.create({ film_id, order_index: 0, image_path: 'uploads/images/known.png', takes: [take] });
    expect(await ownsUploads()).toBe(true);
    expect(await markOfFolder()).toEqual(await markOfDatabase());
  });

  test('a folder without a mark is left alone by a database that knows none of its files, also when it has a mark of its own', async () => {
    await put('images', 'unknown.png');
    expect(await ownsUploads()).toBe(false);
    expect(await markOfDatabase()).toBeNull();
    await Installation.create({ _id: 'timeline', uploads_id: 'mine', sweeps: 7 });
    await rm(inUploads('.owner'));
    expect(await ownsUploads()).toBe(false);
    expect(await markOfFolder()).not.toMatchObject({ id: 'mine' });
  });

  test('a folder without a mark gets the mark that the database has', async () => {
    await Installation.create({ _id: 'timeline', uploads_id: 'mine', sweeps: 7 });
    expect(await ownsUploads()).toBe(true);
    expect(await markOfFolder()).toEqual({ id: 'mine', sweeps: 7 });
  });
});

describe('a folder of somebody else', () => {
  const mark = (text: string) => writeFile(inUploads('.owner'), text);

  test.each([
    ['with the mark of another database', JSON.stringify({ id: 'theirs', sweeps: 3 }), /not known to belong to this/],
    ['with a later count of sweeps', JSON.stringify({ id: 'mine', sweeps: 8 }), /newer than this database/],
    ['with a mark that is cut off', '{"id":"mi', /cannot be read/],
    ['with an empty mark', '', /cannot be read/],
  ])('a folder of somebody else %s is left as it is, and the warning says what to do', async (_what, text, reason) => {
    await Installation.create({ _id: 'timeline', uploads_id: 'mine', sweeps: 7 });
    await useImage();
    await put('images', 'known.png');
    await mark(text);
    for (let looks = 0; looks < 2; looks += 1) expect(await ownsUploads()).toBe(false);
    expect(await readFile(inUploads('.owner'), 'utf8')).toBe(text);
    expect(await markOfDatabase()).toEqual({ id: 'mine', sweeps: 7 });
    expect(ownerWarnings()).toEqual([expect.stringMatching(reason)]);
    expect(ownerWarnings()[0]).toMatch(/no file is removed.*delete the file \.owner in UPLOAD_DIR/);
    expect(ownerWarnings()[0]).not.toContain('/');

    await rm(inUploads('.owner'));
    expect(await ownsUploads()).toBe(true);
    expect(await markOfFolder()).toEqual({ id: 'mine', sweeps: 7 });
    expect(ownerWarnings()).toEqual([]);
  });

  test('a folder of somebody else stays so for a database without a mark, and is not taken over by an empty one', async () => {
    await put('images', 'known.png');
    await mark(JSON.stringify({ id: 'theirs', sweeps: 0 }));
    expect(await ownsUploads()).toBe(false);
    await rm(inUploads('.owner'));
    expect(await ownsUploads()).toBe(false);
    expect(ownerWarnings()).toHaveLength(1);
    await useImage();
    await rm(inUploads('.owner'));
    expect(await ownsUploads()).toBe(true);
  });
});

describe('a sweep', () => {
  test('a sweep is counted in the database and in the folder', async () => {
    await ownsUploads();
    expect(await countSweep()).toBe(true);
    expect(await countSweep()).toBe(true);
    expect(await markOfFolder()).toMatchObject({ sweeps: 2 });
    expect(await markOfFolder()).toEqual(await markOfDatabase());
    expect(await ownsUploads()).toBe(true);
  });

  test('a sweep shows that the database was set back in time', async () => {
    await ownsUploads();
    await countSweep();
    const backup = (await Installation.findOne({ _id: 'timeline' }).lean())!;
    await countSweep();
    await Installation.replaceOne({ _id: 'timeline' }, backup);
    expect(await ownsUploads()).toBe(false);
  });

  test('a sweep whose count did not reach the folder does not look like one', async () => {
    await ownsUploads();
    await Installation.updateOne({ _id: 'timeline' }, { $inc: { sweeps: 1 } });
    expect(await ownsUploads()).toBe(true);
  });

  test('a sweep does not happen in a database that has lost its mark', async () => {
    await ownsUploads();
    await Installation.deleteMany({});
    expect(await countSweep()).toBe(false);
    expect(await markOfDatabase()).toBeNull();
  });
});
