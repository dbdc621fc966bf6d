import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { findMongodBinary } from '../../src/db/embedded/mongod-binary';
import { runServer, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

let folder: string;
let mongod: ChildProcess;
let uri: string;
let server: TestServer;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-standalone-'));
  const port = await freePort();
  const binary = await findMongodBinary(() => undefined);
  mongod = spawn(binary, ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1']);
  let log = '';
  while (!log.includes('Waiting for connections')) log += String((await once(mongod.stdout!, 'data'))[0]);
  mongod.stdout!.resume();
  uri = `mongodb://127.0.0.1:${port}/film`;
  server = await startServer({ MONGODB_URI: uri });
}, 60_000);

afterAll(async () => {
  await server.stop();
  mongod.kill('SIGKILL');
  await once(mongod, 'close');
  await rm(folder, { recursive: true, force: true });
});

test('a second server on a standalone MongoDB ends with one sentence, and harms nothing', async () => {
  const second = await mkdtemp(path.join(folder, 'second-'));
  const env = {
    MONGODB_URI: uri,
    SERVER_PORT: '0',
    WS_PORT: '0',
    DATA_DIR: second,
    UPLOAD_DIR: second,
    LOG_DIR: second,
  };
  const { code, output } = await runServer(env);
  expect(code).toBe(1);
  const said = output.split('\n').filter((line) => line.includes('Another server'));
  expect(said).toEqual([expect.stringMatching(/^Another server uses this MongoDB, .*; stop the other one, or start/)]);
  expect((await server.get('/health')).status).toBe(200);
}, 60_000);

test('a server that was killed is followed by the next one at once', async () => {
  await server.kill();
  const beganMs = performance.now();
  server = await server.restart();
  expect(performance.now() - beganMs).toBeLessThan(8000);
});

test('a new order is stored, and is confirmed only then', async () => {
  const tab = await connect(server.wsUrl);
  const ids: string[] = [];
  for (let index = 0; index < 3; index++)
    ids.push((await tab.ask({ type: 'workspace.create' })).workspace._id as string);
  const wanted = ids.toReversed();
  const message = { type: 'workspace.reorder', workspace_ids: wanted, request_id: 'turned' };
  expect(await tab.ask(message)).toMatchObject({ workspace_ids: wanted });
  expect(await tab.ask(message)).toMatchObject({ workspace_ids: wanted });
  const { workspaces } = (await server.get('/api/workspaces')).body as { workspaces: { _id: string }[] };
  expect(workspaces.map(({ _id }) => _id)).toEqual(wanted);
  tab.close();
});
