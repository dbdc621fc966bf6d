import { readFileSync } from 'node:fs';
import { mongo } from 'mongoose';
import { seedWorkspaces } from '../../bench/workspaces';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

const shots = 400;
const exchanges = 50;
const tabs = 8;
const peakMegabytes = 350;
const slowestMs = 500;

const uri = freshDatabase();
let server: TestServer;
let ids: string[];

beforeAll(async () => {
  const client = await mongo.MongoClient.connect(uri);
  ids = await seedWorkspaces(client.db(), shots, { ai_collaboration: Array.from({ length: exchanges }, exchange) });
  await client.close();
  server = await startServer({ MONGODB_URI: uri, LOG_LEVEL: 'info' });
}, 60_000);

afterAll(() => server.stop());

/** A question with its answer: fifty of them in each shot are 44 MB. */
const exchange = (_: unknown, index: number) => ({
  _id: new mongo.ObjectId(),
  message: `${index} `.padEnd(500, 'q'),
  suggestion: { message: 'a'.repeat(1500), form_data: {} },
  provider: 'local',
  model: 'rules',
  created_at: new Date().toISOString(),
});

test('eight tabs that load 44 MB after a restart, while somebody types, keep memory and edits within bounds', async () => {
  const typist = await connect(server.wsUrl);
  let isOver = false;
  const typing = (async () => {
    let worstMs = 0;
    for (let edits = 0; !isOver; edits++) {
      const sentMs = performance.now();
      const updates = { 'form_data.prompt': `edit ${edits}` };
      const answer = await typist.ask({ type: 'workspace.update', workspace_id: ids[0], updates });
      expect(answer.type).toBe('workspace.sync_confirm');
      worstMs = Math.max(worstMs, performance.now() - sentMs);
    }
    return worstMs;
  })();

  const bytes = await Promise.all(Array.from({ length: tabs }, load));
  isOver = true;
  expect(Math.min(...bytes)).toBeGreaterThan(40_000_000);
  expect(await typing).toBeLessThan(slowestMs);
  expect(peak()).toBeLessThan(peakMegabytes);
  typist.close();
}, 60_000);

/** Loads the list as a tab does, and keeps nothing of it. */
async function load(): Promise<number> {
  const { body } = await fetch(`${server.url}/api/workspaces`);
  let bytes = 0;
  for await (const chunk of body!) bytes += (chunk as Uint8Array).length;
  return bytes;
}

const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))![1]) / 1024;
