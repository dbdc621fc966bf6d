import mongoose from 'mongoose';
import { freshDatabase } from './server';

/** Connects to a database of its own before the tests of a file, for those that run in this process. */
export function useDatabase(): void {
  beforeAll(() => mongoose.connect(freshDatabase()));
  afterAll(() => mongoose.disconnect());
}
