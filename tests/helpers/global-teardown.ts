/** Ends the mongod of the run. */
export default async function globalTeardown(): Promise<void> {
  await (globalThis as { stopTestMongod?: () => Promise<void> }).stopTestMongod?.();
}
