// What the doubles bill is what the sums of the product are measured by, so it must not depend on who asks, or when.

import { startDouble, type StartedDouble } from '../doubles/start-double';

const create = 'POST /v1/image_to_video';
const body = {
  model: 'gen4_turbo',
  promptImage: 'https://pictures.test/a.jpg',
  ratio: '1280:720',
  duration: 4,
};
const price = 200_000;

let double: StartedDouble;

beforeAll(async () => {
  double = await startDouble('runway');
});
afterAll(() => double.stop());
beforeEach(async () => {
  await double.reset();
  await double.set({ queued_ms: 0, running_ms: 0 });
});

const ask = (method: string, path: string, json?: object) =>
  fetch(double.url + path, {
    method,
    headers: { Authorization: 'Bearer k', 'X-Runway-Version': '2024-11-06', 'Content-Type': 'application/json' },
    body: json && JSON.stringify(json),
  });

async function order(): Promise<string> {
  const response = await ask('POST', '/v1/image_to_video', body);
  return ((await response.json()) as { id: string }).id;
}

const amounts = async () => (await double.billed()).map(({ billed_micros: micros }) => micros);

test('a double bills nothing for a task that runs, and its price once it is completed', async () => {
  await double.set({ ends: 'never' });
  const taskId = await order();
  expect(await double.billed()).toEqual([
    { task_id: taskId, attempt_id: null, mark: null, price_micros: price, billed_micros: null },
  ]);
  await double.set({ ends: 'completed' });
  expect(await amounts()).toEqual([price]);
});

test('a double keeps the end of a task and its bill, whatever the settings are then', async () => {
  await order();
  expect(await amounts()).toEqual([price]);
  await double.set({ ends: 'failed', charges: 'none', running_ms: 60_000 });
  expect(await amounts()).toEqual([price]);
});

test('a double bills a cancelled task as its settings say, and one that was completed before at its price', async () => {
  await double.set({ ends: 'never' });
  await ask('DELETE', `/v1/tasks/${await order()}`);
  await double.set({ charges: 'all' });
  await ask('DELETE', `/v1/tasks/${await order()}`);
  await double.set({ charges: 'completed', ends: 'completed' });
  await ask('DELETE', `/v1/tasks/${await order()}`);
  expect(await amounts()).toEqual([0, price, price]);
});

test('a double bills a task that it forgets, and a create whose answer was lost', async () => {
  await double.forget(await order());
  await double.script([{ match: create, accept_then_die: true }]);
  await order().catch(() => undefined);
  expect(await amounts()).toEqual([price, price]);
});

test('a double bills no create that it refuses', async () => {
  expect((await ask('POST', '/v1/image_to_video', { ...body, duration: 11 })).status).toBe(400);
  expect((await ask('POST', '/v1/image_to_video', { ...body, audio: true })).status).toBe(400);
  expect(await double.billed()).toEqual([]);
});

test('a rule of a double decides how the task of one create ends, and what is billed for it', async () => {
  await double.script([
    { match: create, times: 1, task: { ends: 'failed', charges: 'all' } },
    { match: create, times: 1, task: { charges: 'none', bills: 'missing' } },
  ]);
  const shown = [];
  for (const taskId of [await order(), await order(), await order()]) {
    const { status, cost } = (await (await ask('GET', `/v1/tasks/${taskId}`)).json()) as Record<string, unknown>;
    shown.push([status, cost]);
  }
  expect(shown).toEqual([
    ['FAILED', { credits: 20 }],
    ['SUCCEEDED', undefined],
    ['SUCCEEDED', { credits: 20 }],
  ]);
  expect(await amounts()).toEqual([price, 0, price]);
});

test('a rule of a double can be for one prompt, whose task is then billed under it', async () => {
  const task = { charges: 'half' } as const;
  await double.script([{ match: create, body_has: 'lamp 2,', task }]);
  for (const promptText of ['The lamp 1, at the sea.', 'The lamp 2, at the sea.']) {
    await ask('POST', '/v1/image_to_video', { ...body, promptText });
  }
  expect(await double.billed()).toMatchObject([
    { mark: null, billed_micros: price },
    { mark: 'lamp 2,', billed_micros: price / 2 },
  ]);
});

test('a task of a double can run for longer than the others', async () => {
  await double.script([{ match: create, times: 1, task: { running_ms: 60_000 } }]);
  await order();
  await order();
  expect(await amounts()).toEqual([null, price]);
});
