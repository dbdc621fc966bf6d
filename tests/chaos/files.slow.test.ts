import { runFiles } from './files';

test('no start loses a file: a database that does not own the folder moves nothing, the right one moves to the trash', async () => {
  const { rows, lost } = await runFiles({ print: () => undefined });
  expect(rows.filter(({ ok }) => !ok)).toEqual([]);
  expect(rows).toHaveLength(7);
  expect(lost).toBe(0);
}, 60_000);
