import { startBatches, stopBatches, wakeBatches } from '../../src/batches/runner';
import type { Batch as WireBatch } from '../../src/contract/batch';
import type { BatchItem, StoredBatch } from '../../src/db/batch';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import type { VideoJob } from '../../src/services/provider';
import { listenToPushes } from '../../src/utils/push';
import { fakeProvider, finishedTask, plugIn } from './attempts';
import { batchOf, itemOf, model, newBatch, useBatches } from './batches';
import { eventually } from './generating';

/** Every batch that was told to browsers. */
export const told: WireBatch[] = [];
/** What was sent, oldest first. */
export let sent: VideoJob[];
/** The tasks that run, which are done at once unless they are held, and how many there were at most. */
let tasks: Set<string>;
let isHeld: boolean;
export let most: number;

/** Runs the batches of a test file, at a fake in the place of Runway. */
export function useRunner(): void {
  useBatches();
  beforeAll(() => {
    listenToPushes((_, message) => {
      if (message.type === 'batch.status_update') told.push(message.batch);
    });
    startBatches();
  });
  beforeEach(newProvider);
  afterAll(stopBatches);
}

function newProvider(): void {
  [sent, tasks, isHeld, most, told.length] = [[], new Set(), false, 0, 0];
  const provider = fakeProvider({ models: [model] });
  provider.submit = (job) => {
    sent.push(job);
    if (job.form_data.prompt === 'refused')
      return Promise.resolve({ state: 'refused', code: 'CONTENT_REFUSED', reason: '?' });
    const taskId = `task of ${job.attempt_id}`;
    most = Math.max(most, tasks.add(taskId).size);
    return Promise.resolve({ state: 'accepted', taskId });
  };
  provider.check = (taskId) => {
    if (isHeld) return Promise.resolve({ state: 'running' });
    tasks.delete(taskId);
    return finishedTask();
  };
  plugIn('runway', provider);
}
/** Has tasks run until they are let go. */
export const hold = () => void (isHeld = true);
export const letGo = () => void (isHeld = false);
export const previous = { start: 'previous' } as const;
export const shotOf = async (id: string) => (await Workspace.findById(id).lean<StoredWorkspace>())!;

/** Stores a batch of these shots, and has it run. */
export async function runBatch(items: (string | BatchItem)[], more: Partial<StoredBatch> = {}): Promise<StoredBatch> {
  const batch = await newBatch(
    items.map((item) => (typeof item === 'string' ? itemOf(item) : item)),
    more,
  );
  wakeBatches();
  return batch;
}

/** Waits until a batch is stored so. */
export const until = (batch: StoredBatch, fits: (now: StoredBatch) => boolean): Promise<StoredBatch> =>
  eventually(async () => {
    const now = await batchOf(batch);
    return fits(now) && now;
  });
export const endOf = (batch: StoredBatch) => until(batch, ({ completed_at: endedAt }) => endedAt !== null);
/** Waits until that many shots of a batch have an attempt. */
export const startOf = (batch: StoredBatch, count: number) =>
  until(batch, ({ items }) => items.filter(({ attempt_id }) => attempt_id !== null).length === count);
