import { mongo } from 'mongoose';
import { Workspace } from '../../src/db/workspace';

/** Whether a write of a generation is meant, by the values that it sets. */
type Fits = (set: Record<string, unknown>) => boolean;

/** Does something once between the next write that fits and its answer. */
export const afterWrite = (fits: Fits, then: () => unknown): void => onWrites(1, fits, async () => void (await then()));

/** Does something once between the next read of a workspace and its answer. */
export function afterRead(then: () => unknown): void {
  const { collection } = Workspace;
  const original = collection.findOne.bind(collection) as (...args: unknown[]) => Promise<unknown>;
  const spy = jest.spyOn(collection, 'findOne');
  spy.mockImplementation(async (...args: unknown[]) => {
    const found = await original(...args);
    spy.mockRestore();
    await then();
    return found;
  });
}

/** Does something once between the next read of many workspaces whose filter fits and its answer. */
export function afterList(fits: (filter: Record<string, unknown>) => boolean, then: () => unknown): void {
  const { collection } = Workspace;
  const original = collection.find.bind(collection) as (...args: unknown[]) => { toArray: () => Promise<unknown[]> };
  const spy = jest.spyOn(collection, 'find');
  spy.mockImplementation(((...args: unknown[]) => {
    const cursor = original(...args);
    if (!fits(args[0] as Record<string, unknown>)) return cursor;
    spy.mockRestore();
    const toArray = cursor.toArray.bind(cursor);
    cursor.toArray = async () => {
      const found = await toArray();
      await then();
      return found;
    };
    return cursor;
  }) as never);
}

/** Loses the answers of the next writes that fit, after something was done meanwhile: each is stored, and the driver throws. */
export const loseAnswers = (times: number, fits: Fits, meanwhile: () => unknown = () => undefined): void =>
  onWrites(times, fits, async () => {
    await meanwhile();
    throw new mongo.MongoNetworkError('the connection was closed');
  });

/** Refuses the next writes: nothing is stored, and the driver throws. */
export function refuseWrites(times: number, error: Error): void {
  const spy = jest.spyOn(Workspace.collection, 'findOneAndUpdate');
  for (let refused = 0; refused < times; refused++) spy.mockRejectedValueOnce(error);
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
