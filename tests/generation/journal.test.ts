import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { config } from '../../src/config';
import { removeAccepted, journalTask, readAccepted, readAllAccepted } from '../../src/generation/journal';

const folder = path.join(config.DATA_DIR, 'accepted');
const task = { workspace_id: 'a'.repeat(24), attempt_id: 'attempt-1', task_id: 'task-1', provider: 'runway' };
const write = (name: string, text: string) => writeFile(path.join(folder, name), text);

beforeEach(() => mkdir(folder, { recursive: true }));
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the journal knows a task that was noted, until it is forgotten', async () => {
  await journalTask(task);
  expect(await readAccepted('attempt-1')).toEqual(task);
  expect(await readAllAccepted()).toEqual([task]);
  await removeAccepted('attempt-1');
  expect(await readAccepted('attempt-1')).toBeNull();
  expect(await readAllAccepted()).toEqual([]);
});

test('the journal knows nothing before the first note, and forgets what it does not know', async () => {
  await rm(folder, { recursive: true });
  expect(await readAllAccepted()).toEqual([]);
  expect(await readAccepted('attempt-1')).toBeNull();
  await removeAccepted('attempt-1');
});

test('the journal keeps the last note of an attempt', async () => {
  await journalTask(task);
  await journalTask({ ...task, task_id: 'task-2' });
  expect(await readAllAccepted()).toEqual([{ ...task, task_id: 'task-2' }]);
});

test('the journal reads a note of version 1.0.0, which names no provider', async () => {
  const { provider, ...old } = task;
  await write('attempt-1.json', JSON.stringify(old));
  expect(await readAccepted('attempt-1')).toEqual(old);
});

test.each([
  ['cut off', '{"workspace_id":"aaa'],
  ['empty', ''],
  ['of a workspace without an id', JSON.stringify({ ...task, workspace_id: 'no id' })],
  ['without a task', JSON.stringify({ ...task, task_id: '' })],
])('the journal passes over a note that is %s, and keeps it', async (_, text) => {
  await journalTask(task);
  await write('attempt-2.json', text);
  expect(await readAllAccepted()).toEqual([task]);
  expect(await readAccepted('attempt-2')).toBeNull();
  expect(await readdir(folder)).toContain('attempt-2.json');
});

test('the journal passes over a draft that a power cut left', async () => {
  await write('attempt-1.json.tmp', '{"work');
  expect(await readAllAccepted()).toEqual([]);
});

test('the journal removes notes that nobody asked for in 30 days', async () => {
  await journalTask(task);
  await journalTask({ ...task, attempt_id: 'attempt-2' });
  const longAgo = new Date(Date.now() - 31 * 24 * 3600 * 1000);
  await utimes(path.join(folder, 'attempt-1.json'), longAgo, longAgo);
  expect((await readAllAccepted()).map(({ attempt_id }) => attempt_id)).toEqual(['attempt-2']);
  expect(await readdir(folder)).toEqual(['attempt-2.json']);
});

test('an attempt id never leads out of the folder', async () => {
  await journalTask({ ...task, attempt_id: '../attempt-3' });
  expect(await readdir(folder)).toEqual(['attempt-3.json']);
});
