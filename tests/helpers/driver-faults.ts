import { mongo } from 'mongoose';
import { Workspace } from '../../src/db/mongodb';

/** Whether a write of a generation is meant, by the values that it sets. */
type Fits = (set: Record<string, unknown>) => boolean;

/** Does something once between the next write that fits and its answer. */
export const afterWrite = (fits: Fits, then: () => unknown): void => onWrites(1, fits, async () => void (await then()));

/** Loses the answers of the next writes that fit: each is stored, and the driver says that the connection is gone. */
export function loseAnswers(times: number, fits: Fits): void {
  onWrites(times, fits, async () => {
    throw new mongo.MongoNetworkError('the connection was closed');
  });
}

function onWrites(times: number, fits: Fits, then: () => Promise<void>): void {
  const { collection } = Workspace;
  const original = collection.findOneAndUpdate.bind(collection) as (...args: unknown[]) => Promise<unknown>;
  let left = times;
  const spy = jest.spyOn(collection, 'findOneAndUpdate');
  spy.mockImplementation((async (...args: unknown[]) => {
    const stored = await original(...args);
    const { $set = {} } = args[1] as { $set?: Record<string, unknown> };
    if (!stored || !fits($set)) return stored;
    if (--left === 0) spy.mockRestore();
    await then();
    return stored;
  }) as never);
}
