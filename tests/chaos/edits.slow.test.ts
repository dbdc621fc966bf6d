import { runEdits } from './edits';

test('no acknowledged edit is lost while the database and the server are killed and frozen', async () => {
  const result = await runEdits({
    updates: 800,
    sockets: 20,
    disconnectRate: 0.05,
    mongodKills: 1,
    mongodFreezes: 1,
    freezeMs: 6000,
    serverKills: 1,
    print: () => undefined,
  });
  const { DATABASE_UNAVAILABLE, BUSY, ...finals } = result.answers;
  expect(finals).toEqual({ 'workspace.created': 10, 'workspace.sync_confirm': 800 });
  expect(result).toMatchObject({ ok: true, acknowledged: 800, lost: 0, appliedTwice: 0, overwritten: 0, late: 0 });
  expect(result).toMatchObject({ mongodKills: 1, mongodFreezes: 1, serverKills: 1 });
}, 60_000);
