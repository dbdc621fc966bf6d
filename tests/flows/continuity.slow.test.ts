import { execFileSync } from 'node:child_process';
import path from 'node:path';
import sharp from 'sharp';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import { ffmpegPath } from '../../src/media/ffmpeg';
import { pixelDistance } from '../fixtures/pictures';
import {
  click,
  finalVideo,
  load,
  newWorkspace,
  resetDoubles,
  settingsFor,
  startDoubles,
  stopDoubles,
  type Doubles,
} from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

/** How far apart the sent JPEG and the decoded frame may be, of 255; two neighbouring frames of these clips are farther apart. */
const bound = 1.5;
const seconds = 2;
const framesPerSecond = 24;

let doubles: Doubles;
let server: TestServer;
let socket: TestSocket;
let picture: string;

beforeAll(async () => {
  doubles = await startDoubles();
  server = await startServer({ ...settingsFor(doubles), MONGODB_URI: freshDatabase() });
  socket = await connect(server.wsUrl);
  picture = (await server.upload(await stripes())).body.image_path;
}, 60_000);
afterEach(() => resetDoubles(doubles));
afterAll(async () => {
  socket.close();
  await server.stop();
  await stopDoubles(doubles);
});

/** A picture in which every move is seen: stripes of all sizes. */
const stripes = (): Promise<Buffer> => {
  const bars = Array.from({ length: 40 }, (_each, index) => {
    const colour = `hsl(${(index * 47) % 360} 80% ${30 + ((index * 13) % 50)}%)`;
    return `<rect x="${(index * index * 7) % 1280}" y="${(index * 97) % 720}" width="${20 + index * 5}" height="${160 - index * 3}" fill="${colour}"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1280" height="720"><rect width="1280" height="720" fill="#ddd"/>${bars.join('')}</svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
};

/** A clip of the local renderer as the first shot. */
async function makeClip(id: string, camera_movement: string): Promise<Video> {
  await socket.ask({ type: 'workspace.update', workspace_id: id, updates: { form_data: { camera_movement } } });
  await click(server, id);
  return finalVideo(server, id);
}

const local: Partial<FormData> = { provider: 'local', duration_s: seconds };
const firstShot = (): Promise<string> => newWorkspace(socket, picture, local);
const linkedShot = (form: Partial<FormData> = {}): Promise<string> =>
  newWorkspace(socket, null, { start: 'previous', ...form });

/** A frame of a clip, decoded by itself. */
function frameOf(url: string, number: number): Buffer {
  const file = path.join(server.env.UPLOAD_DIR!, '..', url);
  const output = ['-vf', `select=eq(n\\,${number})`, '-frames:v', '1', '-f', 'image2pipe', '-c:v', 'png', '-'];
  return execFileSync(ffmpegPath()!, ['-v', 'error', '-i', file, ...output], { maxBuffer: 1e8 });
}

async function sentFirst(): Promise<Buffer> {
  return (await doubles.runway.pictures()).at(-1)!.first!;
}

const lastFrame = seconds * framesPerSecond - 1;

test('a shot is sent the last frame of the take before it that was chosen a moment ago, and says so', async () => {
  const first = await firstShot();
  const one = await makeClip(first, 'push_in');
  const other = await makeClip(first, 'pan_left');
  const second = await linkedShot();
  // At the same moment, so that nothing but the order decides.
  const chosen = socket.ask({ type: 'workspace.choose_take', workspace_id: first, attempt_id: one.attempt_id });
  await chosen;
  await click(server, second);

  const sent = await sentFirst();
  expect(await pixelDistance(sent, frameOf(one.url!, lastFrame))).toBeLessThan(bound);
  expect(await pixelDistance(sent, frameOf(other.url!, lastFrame))).toBeGreaterThan(5 * bound);
  const { video } = await load(server, second);
  expect(video).toMatchObject({ from_attempt_id: one.attempt_id, from_s: null, end_image_url: null });
  const { body, headers } = await fetchBytes(video.image_url!);
  expect(headers.get('content-type')).toBe('image/png');
  expect((await sharp(body).metadata()).exif).toBeUndefined();
  expect(await pixelDistance(body, frameOf(one.url!, lastFrame))).toBeLessThan(bound);
}, 60_000);

test('a shot is sent the frame at which the film leaves the clip before it', async () => {
  const first = await firstShot();
  const clip = await makeClip(first, 'pan_right');
  await socket.ask({ type: 'workspace.update', workspace_id: first, updates: { cut: { in_s: 0.25, out_s: 1 } } });
  const second = await linkedShot();
  await click(server, second);
  expect(await pixelDistance(await sentFirst(), frameOf(clip.url!, framesPerSecond - 1))).toBeLessThan(bound);
  expect((await load(server, second)).video.from_s).toBe(1);
}, 60_000);

test('a shot is sent the picture of the shot after as its last frame, by the model that takes one', async () => {
  const shot = await newWorkspace(socket, picture, { model: 'veo3.1', duration_s: 4, end: 'next' });
  const next = await newWorkspace(socket, null);
  expect((await click(server, shot)).body.error.code).toBe('NEXT_IMAGE_MISSING');
  const negative = await sharp(await stripes())
    .negate({ alpha: false })
    .png()
    .toBuffer();
  const { image_path, image_url } = (await server.upload(negative)).body;
  await socket.ask({ type: 'workspace.update', workspace_id: next, updates: { image_path } });
  await click(server, shot);
  const { first, last } = (await doubles.runway.pictures()).at(-1)!;
  expect(await pixelDistance(first!, await stripes())).toBeLessThan(bound);
  expect(await pixelDistance(last!, negative)).toBeLessThan(bound);
  expect((await load(server, shot)).video.end_image_url).toBe(image_url);
}, 60_000);

async function fetchBytes(url: string): Promise<{ body: Buffer; headers: Headers }> {
  const response = await fetch(`${server.url}${url}`);
  return { body: Buffer.from(await response.arrayBuffer()), headers: response.headers };
}
