import { execFile } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deadlineSignal } from '../../src/utils/deadline';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a deadline aborts after its time, with a caller and without one', async () => {
  for (const outer of [undefined, new AbortController().signal]) {
    const signal = deadlineSignal(30, outer);
    expect(signal.aborted).toBe(false);
    await once(signal, 'abort');
    expect(signal.aborted).toBe(true);
  }
});

test('a deadline aborts with its caller, also with one that gave up before', () => {
  const caller = new AbortController();
  const signal = deadlineSignal(60_000, caller.signal);
  caller.abort();
  expect([signal.aborted, deadlineSignal(60_000, caller.signal).aborted]).toEqual([true, true]);
});

test('a deadline aborts after its time although the garbage was collected meanwhile', async () => {
  const signal = deadlineSignal(200, deadlineSignal(60_000, new AbortController().signal));
  for (let rounds = 0; rounds < 100 && !signal.aborted; rounds += 1) {
    collectGarbage();
    await wait(20);
  }
  expect(signal.aborted).toBe(true);
});

test('a deadline keeps no process alive', async () => {
  const script = `
    const { deadlineSignal } = require('./src/utils/deadline');
    deadlineSignal(3_600_000, new AbortController().signal).addEventListener('abort', () => undefined);
    console.log('done');`;
  const options = { cwd: path.resolve(__dirname, '../..'), timeout: 20_000 };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', script], options);
  expect(stdout).toBe('done\n');
});
