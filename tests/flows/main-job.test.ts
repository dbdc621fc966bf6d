import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

const picture = () =>
  sharp({ create: { width: 640, height: 360, channels: 3, background: '#3366aa' } })
    .jpeg()
    .toBuffer();

let server: TestServer;
let socket: TestSocket;

beforeAll(async () => {
  server = await startServer();
  socket = await connect(server.wsUrl);
});

afterAll(async () => {
  socket.close();
  expect(await server.stop()).toBe(0);
});

test('the server makes a video from a picture, live on the socket, with no key', async () => {
  const uploaded = await server.upload(await picture());
  expect(uploaded).toMatchObject({ status: 201, body: { width: 640, height: 360, mime: 'image/jpeg' } });

  const { workspace } = await socket.ask({ type: 'workspace.create', data: { image_path: uploaded.body.image_path } });
  const updates = { form_data: { camera_movement: 'push_in', duration_s: 2 } };
  const confirm = await socket.ask({ type: 'workspace.update', workspace_id: workspace._id, updates });
  expect(confirm).toMatchObject({ type: 'workspace.sync_confirm', workspace_id: workspace._id, version: 2 });

  const answer = await server.post('/api/generate/video', { workspace_id: workspace._id });
  expect(answer).toMatchObject({ status: 202, body: { workspace_id: workspace._id, video: { status: 'generating' } } });
  expect(answer.body.task_id).toEqual(expect.any(String));

  const isDone = ({ type, video }: { type: string; video?: { status: string } }) =>
    type === 'video.status_update' && video?.status !== 'generating';
  const { video } = await socket.next(isDone);
  expect(video).toMatchObject({
    status: 'completed',
    error: null,
    form_data: { camera_movement: 'push_in', duration_s: 2 },
  });

  const file = await fetch(server.url + video.url, { headers: { Range: 'bytes=4-11' } });
  expect(file.status).toBe(206);
  expect(file.headers.get('content-type')).toBe('video/mp4');
  expect(await file.text()).toMatch(/^ftyp/);
  const stored = await readFile(path.join(server.folder, video.url));
  expect(stored.length).toBeGreaterThan(2000);

  const list = await server.get('/api/workspaces');
  expect(list.body.workspaces).toHaveLength(1);
  expect(list.body.workspaces[0].video).toEqual(video);
  const unchanged = await server.get('/api/workspaces', { 'If-None-Match': list.headers.get('etag')! });
  expect(unchanged.status).toBe(304);
});
