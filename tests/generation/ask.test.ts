import mongoose from 'mongoose';
import { checkTask, isGone, providerWarnings } from '../../src/generation/check-task';
import {
  activate,
  active,
  coolDown,
  cooldownLeftMs,
  usableProvider,
  type ActiveAttempt,
} from '../../src/generation/attempt';
import type { Checked } from '../../src/services/provider';
import { AppError } from '../../src/utils/errors';
import { fakeProvider, newJob, rejectionOf, videoOf, type FakeProvider } from '../helpers/attempts';

const runs: Checked = { state: 'running', progress: 0.5 };
const notFound: Checked = { state: 'not_found', reason: '404' };

/** An attempt in memory: to ask, nothing is read from the database. */
function attemptAt({ name }: FakeProvider): ActiveAttempt {
  const job = newJob({ provider: name, state: 'polling' });
  return activate({
    workspaceId: String(new mongoose.Types.ObjectId()),
    job,
    video: videoOf(job),
    isSuperseded: false,
  });
}

test('a question gives what the provider says about the task of the attempt', async () => {
  const asked: string[] = [];
  const provider = fakeProvider();
  provider.check = async (taskId) => (asked.push(taskId), runs);
  const attempt = attemptAt(provider);
  expect(await checkTask(attempt, provider)).toEqual(runs);
  expect(asked).toEqual([attempt.job.task_id]);
});

test('nobody is asked without a provider', async () => {
  expect(await checkTask(attemptAt(fakeProvider()), null)).toBeNull();
});

test('nobody is asked while the gate for polls is closed, unless the question must be', async () => {
  const provider = fakeProvider({ check: runs });
  const attempt = attemptAt(provider);
  coolDown(provider.name, 'polls', 60_000);
  expect(await checkTask(attempt, provider)).toBeNull();
  expect(provider.calls.check).toBe(0);
  expect(await checkTask(attempt, provider, { evenInCooldown: true })).toEqual(runs);
});

test('a task is asked for while the gate for creates is closed', async () => {
  const provider = fakeProvider({ check: runs });
  coolDown(provider.name, 'creates', 60_000);
  expect(await checkTask(attemptAt(provider), provider)).toEqual(runs);
});

test.each([
  ['a limit closes both gates for as long as the provider says', 'PROVIDER_RATE_LIMITED', 5000, 4000, 5000],
  ['a limit closes both gates for a pause of ours where it does not say', 'PROVIDER_RATE_LIMITED', undefined, 1, 60],
  ['a refused key closes both gates for six intervals', 'PROVIDER_AUTH', undefined, 61, 300],
  ['a provider that is away keeps both gates open', 'PROVIDER_FAILED', undefined, 0, 0],
  ['a reply that nobody can read keeps both gates open', 'PROVIDER_BAD_REPLY', undefined, 0, 0],
] as const)('after a question that failed, %s', async (_, code, retryAfterMs, from, to) => {
  const provider = fakeProvider({ check: new AppError(code, '?', { retryAfterMs }) });
  expect(await checkTask(attemptAt(provider), provider)).toBeNull();
  for (const gate of ['polls', 'creates'] as const) {
    expect(cooldownLeftMs(provider.name, gate)).toBeGreaterThanOrEqual(from);
    expect(cooldownLeftMs(provider.name, gate)).toBeLessThanOrEqual(to);
  }
});

test('questions that fail in a row are counted, and forgotten at the next answer', async () => {
  const bad = new AppError('PROVIDER_BAD_REPLY', '?');
  const provider = fakeProvider({ check: [bad, bad, new AppError('PROVIDER_FAILED', '?'), bad, runs] });
  const attempt = attemptAt(provider);
  const seen = [];
  for (let turn = 0; turn < 5; turn++) {
    await checkTask(attempt, provider);
    seen.push([attempt.failedPolls, attempt.badReplies]);
  }
  expect(seen).toEqual([
    [1, 1],
    [2, 2],
    [3, 0],
    [4, 1],
    [0, 0],
  ]);
});

test.each([
  ['three times in a row', true, [notFound, notFound, notFound]],
  [
    'three times, with a failed poll between',
    true,
    [notFound, notFound, new AppError('PROVIDER_FAILED', '?'), notFound],
  ],
  ['twice', false, [notFound, notFound]],
  ['three times, but not in a row', false, [notFound, notFound, runs, notFound]],
] as [string, boolean, (Checked | Error)[]][])(
  'a task that is not found %s is gone: %s',
  async (_, expected, check) => {
    const provider = fakeProvider({ check });
    const attempt = attemptAt(provider);
    for (let turn = 0; turn < check.length; turn++) await checkTask(attempt, provider);
    expect(isGone(attempt)).toBe(expected);
  },
);

test('a stop ends the question', async () => {
  const provider = fakeProvider();
  const attempt = attemptAt(provider);
  const stopped = new Error('stopped');
  provider.check = (_, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(stopped)));
  const asking = checkTask(attempt, provider);
  attempt.stop.abort();
  expect(await rejectionOf(asking)).toBe(stopped);
  expect(attempt.failedPolls).toBe(0);
});

test('at most 20 questions are out at once', async () => {
  const provider = fakeProvider();
  const answers: (() => void)[] = [];
  provider.check = () => new Promise((resolve) => answers.push(() => resolve(runs)));
  const asking = Array.from({ length: 21 }, () => checkTask(attemptAt(provider), provider));
  await new Promise(setImmediate);
  expect(answers).toHaveLength(20);
  answers[0]!();
  await asking[0];
  await new Promise(setImmediate);
  expect(answers).toHaveLength(21);
  for (const answer of answers) answer();
  expect(await Promise.all(asking)).toEqual(Array.from({ length: 21 }, () => runs));
});

test('a provider that refuses the key is named until it accepts it again', async () => {
  const provider = fakeProvider({ check: [new AppError('PROVIDER_AUTH', '401'), runs] });
  const attempt = attemptAt(provider);
  const warnings = () => providerWarnings().filter((warning) => warning.startsWith(`${provider.name} `));
  await checkTask(attempt, provider);
  expect(warnings()).toEqual([expect.stringContaining('refuses the API key')]);
  await checkTask(attempt, provider, { evenInCooldown: true });
  expect(warnings()).toEqual([]);
});

test('a provider that cannot be used any more is named as long as an attempt waits for it', () => {
  const attempt = attemptAt(fakeProvider({ name: 'gone-by-now' }));
  const { attempt_id: attemptId } = attempt.job;
  active.set(attemptId, attempt);
  expect(usableProvider(attempt)).toBeNull();
  expect(providerWarnings()).toContainEqual(expect.stringMatching(/^gone-by-now cannot be used/));
  active.delete(attemptId);
  expect(providerWarnings()).not.toContainEqual(expect.stringMatching(/^gone-by-now/));
});
