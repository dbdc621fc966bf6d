import type { Video } from '../../src/contract/video';
import { click, finalVideo, newWorkspace, uploadPicture } from '../helpers/generating';
import { startConnectProxy, type TestProxy } from '../helpers/proxies';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

let proxy: TestProxy;
let server: TestServer;

beforeAll(async () => {
  proxy = await startConnectProxy({
    '*': (socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'),
  });
  server = await startServer({
    VIDEO_PROVIDER: 'runway',
    RUNWAY_API_KEY: 'key_canary',
    RUNWAY_BASE_URL: 'https://runway.test',
    VIDEO_POLL_INTERVAL_MS: '50',
    https_proxy: `http://me:pass-canary@127.0.0.1:${proxy.port}`,
  });
});
afterAll(async () => {
  await server.stop();
  proxy.close();
});

async function generate(): Promise<Video> {
  const socket = await connect(server.wsUrl);
  const id = await newWorkspace(socket, await uploadPicture(server));
  socket.close();
  await click(server, id);
  return finalVideo(server, id);
}

test('a click whose create a proxy kept back costs nothing, and its shot names the proxy and the variable', async () => {
  const { error } = await generate();
  expect(error).toEqual({
    code: 'PROVIDER_FAILED',
    message: `The proxy http://127.0.0.1:${proxy.port} wants another user name and password (status 407), so Runway was not asked; correct https_proxy and restart the server.`,
    charged: 'no',
  });
  expect(new Set(proxy.asked)).toEqual(new Set(['runway.test:443']));
  expect(await server.log()).not.toContain('pass-canary');
}, 90_000);
