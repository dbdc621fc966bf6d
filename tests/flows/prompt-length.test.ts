import { click, newWorkspace, uploadPicture } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

let server: TestServer;
let socket: TestSocket;
let imagePath: string;

beforeAll(async () => {
  const keys = { RUNWAY_API_KEY: 'k', RUNWAY_BASE_URL: 'http://127.0.0.1:9', KLING_API_KEY: 'k' };
  server = await startServer({ ...keys, KLING_BASE_URL: 'http://127.0.0.1:9' });
  socket = await connect(server.wsUrl);
  imagePath = await uploadPicture(server);
});
afterAll(() => server.stop());

describe('a prompt that the form takes', () => {
  it.each([
    ['2000 letters', 'x'.repeat(2000)],
    ['2000 emoji', '😀'.repeat(2000)],
    ['1500 rare Han characters', '𠮷'.repeat(1500)],
  ])('is taken by the local renderer, which reads none: %s', async (_what, prompt) => {
    const id = await newWorkspace(socket, imagePath, { prompt, duration_s: 2 });
    const { status, body } = await click(server, id, { provider: 'local' });
    expect({ status, error: body.error as unknown }).toEqual({ status: 202, error: undefined });
    await server.post('/api/generate/cancel', { workspace_id: id });
  });

  it.each([
    ['runway', '😀'.repeat(501), 'must be at most 1000 characters, of which an emoji or a rare one counts as two'],
    ['runway', 'x'.repeat(1001), 'must be at most 1000 characters'],
    ['kling', '𠮷'.repeat(1251), 'must be at most 2500 characters, of which an emoji or a rare one counts as two'],
  ])(
    'is refused for %s before anything is sent, where the vendor might count more',
    async (provider, prompt, message) => {
      const id = await newWorkspace(socket, imagePath, { prompt, duration_s: 5 });
      const { status, body } = await click(server, id, { provider });
      expect({ status, ...(body.error as object) }).toMatchObject({
        status: 400,
        code: 'INVALID_INPUT',
        details: [{ path: 'form_data.prompt', message }],
      });
    },
  );

  it('has at most 2000 code points, whatever they are', async () => {
    const form_data = { prompt: '😀'.repeat(2001) };
    const answer = await socket.ask({ type: 'workspace.create', data: { image_path: imagePath, form_data } });
    expect(answer).toMatchObject({ type: 'error', code: 'INVALID_INPUT' });
  });
});
