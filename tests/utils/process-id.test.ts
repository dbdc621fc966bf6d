import { spawnSync } from 'node:child_process';
import { isOwnWriteId, isProcessGone, newWriteId, processId, versionsOf } from '../../src/utils/process-id';

const [place] = processId.split(':');

test('a process that lives is not gone, and one that has ended is', () => {
  expect(isProcessGone(processId)).toBe(false);
  expect(isProcessGone(`${place}:${process.ppid}:x`)).toBe(false);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  expect(isProcessGone(`${place}:${pid}:x`)).toBe(true);
});

test('an earlier process of the same number is gone', () => {
  expect(isProcessGone(`${place}:${process.pid}:earlier`)).toBe(true);
});

test('a process of another machine is never taken for gone', () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  expect(isProcessGone(`elsewhere:${pid}:x`)).toBe(false);
});

test('each mark is another one, belongs to this process and counts its versions', () => {
  const [one, other] = [newWriteId(), newWriteId(3)];
  expect(one).not.toBe(other);
  expect([one, other, `elsewhere:1:x 1 1`, undefined].map(isOwnWriteId)).toEqual([true, true, false, false]);
  expect([one, other, undefined].map(versionsOf)).toEqual([1, 3, 1]);
});
