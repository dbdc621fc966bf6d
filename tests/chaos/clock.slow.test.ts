import path from 'node:path';
import { startDouble, type StartedDouble } from '../doubles/start-double';
import {
  canaryKeys,
  click,
  eventually,
  finalVideo,
  newWorkspace,
  nextVideo,
  toldOf,
  uploadPicture,
  wire,
  type Vendor,
} from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

jest.setTimeout(60_000);

const hoursMs = 2 * 3600 * 1000;

describe.each([
  ['forward', hoursMs],
  ['back', -hoursMs],
])('a clock that is put %s by two hours', (way, jumpMs) => {
  let server: TestServer;
  let socket: TestSocket;
  let double: StartedDouble;

  async function begin(vendor: Vendor): Promise<string> {
    double = await startDouble(vendor);
    await double.set({ api_key: canaryKeys[vendor], queued_ms: 0, running_ms: 0, ends: 'never' });
    server = await startServer({
      TEST_NODE_ARGS: `--require ${path.join(__dirname, 'moved-clock.cjs')}`,
      CLOCK_JUMP_MS: String(jumpMs),
      VIDEO_PROVIDER: vendor,
      VIDEO_POLL_INTERVAL_MS: '50',
      [`${vendor.toUpperCase()}_BASE_URL`]: double.url,
      [`${vendor.toUpperCase()}_API_KEY`]: canaryKeys[vendor],
    });
    socket = await connect(server.wsUrl);
    return newWorkspace(socket, await uploadPicture(server));
  }

  afterEach(async () => {
    socket.close();
    await server.stop();
    await double.stop();
  });

  const asked = async (request: string) =>
    (await double.requests()).filter(({ method, path: address }) => `${method} ${address}`.startsWith(request)).length;

  /** Moves the clock and waits until the vendor was asked again a few times. */
  async function moveClock(request: string): Promise<void> {
    const before = await asked(request);
    server.child.kill('SIGUSR2');
    await eventually(async () => (await asked(request)) >= before + 3);
  }

  test(`a running generation goes on and its clip arrives when the clock is put ${way}`, async () => {
    const id = await begin('runway');
    await click(server, id);
    await nextVideo(socket, id, ({ phase }) => phase === 'running');
    await moveClock(wire.runway.task);
    await double.set({ ends: 'completed' });
    expect(await finalVideo(server, id)).toMatchObject({ status: 'completed', error: null });
    expect(toldOf(socket, id).map(({ status }) => status)).not.toContain('failed');
  });

  test(`a create whose answer was lost is repeated under its key, and its clip arrives, when the clock is put ${way}`, async () => {
    const id = await begin('pika');
    await double.set({ ends: 'completed' });
    await double.script([
      { match: wire.pika.create, times: 1, accept_then_die: true },
      { match: wire.pika.create, times: 2, status: 503 },
    ]);
    void click(server, id);
    await eventually(async () => (await double.accepted()).length === 1);
    server.child.kill('SIGUSR2');
    expect(await finalVideo(server, id)).toMatchObject({ status: 'completed', error: null });
    expect(await double.accepted()).toHaveLength(1);
  });
});
