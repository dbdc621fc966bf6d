// A film without a key: each shot begins with the very picture on which the one before it ended, and a vendor is sent that too.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { ffmpegPath } from '../../src/media/ffmpeg';
import { quarters } from '../fixtures/colours';
import { pixelDistance } from '../fixtures/pictures';
import { click, finalVideo, settingsFor, startDoubles, stopDoubles, type Doubles } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

/** In values of 0 to 255: encoding alone changes a picture by 1.3. */
const same = 2;

let doubles: Doubles;
let server: TestServer;
let socket: TestSocket;

beforeAll(async () => {
  doubles = await startDoubles();
  server = await startServer(settingsFor(doubles));
  socket = await connect(server.wsUrl);
}, 60_000);

afterAll(async () => {
  socket.close();
  await server.stop();
  await stopDoubles(doubles);
});

const fileOf = (url: string | null) => path.join(server.folder, url!);

/** The frame that ffmpeg shows first of an input, as a PNG. */
const frame = (...input: string[]): Buffer =>
  execFileSync(ffmpegPath()!, ['-v', 'error', ...input, ...'-frames:v 1 -f image2pipe -c:v png -'.split(' ')], {
    maxBuffer: 1e8,
  });
const firstFrame = (url: string | null) => frame('-i', fileOf(url));
const lastFrame = (url: string | null) => frame('-sseof', '-0.5', '-i', fileOf(url), '-vf', 'reverse');

async function shot(form: Partial<FormData>, pictures: object = {}): Promise<string> {
  const form_data = { ...emptyForm, prompt: 'A lamp turns.', duration_s: 2, ...form };
  const { workspace } = await socket.ask({ type: 'workspace.create', data: { ...pictures, form_data } });
  return workspace._id as string;
}

async function made(id: string) {
  expect(await click(server, id)).toMatchObject({ status: 202 });
  const video = await finalVideo(server, id);
  expect(video).toMatchObject({ status: 'completed', error: null });
  return video;
}

test('a chain of shots goes from the last frame of each to the first of the next, and ends on its picture', async () => {
  const { body: sample } = await server.upload(readFileSync(path.join(__dirname, '../../docs/sample.jpg')));
  const { body: goal } = await server.upload(await (await quarters(1280, 720)).png().toBuffer());
  const light = { provider: 'local', lighting: 'golden_hour' };
  const ids = [
    await shot({ ...light, camera_movement: 'orbit_left' }, { image_path: sample.image_path }),
    await shot(
      { ...light, camera_movement: 'static', start: 'previous', end: 'image' },
      { end_image_path: goal.image_path },
    ),
    await shot({ provider: 'kling', duration_s: 5, start: 'previous' }),
  ] as const;

  const first = await made(ids[0]);
  const second = await made(ids[1]);
  expect(second).toMatchObject({ from_attempt_id: first.attempt_id, end_image_url: goal.image_url });
  expect(await pixelDistance(fileOf(second.image_url), lastFrame(first.url))).toBeLessThan(same);
  expect(await pixelDistance(firstFrame(second.url), lastFrame(first.url))).toBeLessThan(same);
  expect(await pixelDistance(lastFrame(second.url), fileOf(goal.image_url as string))).toBeLessThan(same);

  await made(ids[2]);
  const [sent] = await doubles.kling.pictures();
  expect(await pixelDistance(sent!.first!, lastFrame(second.url))).toBeLessThan(same);
  expect(sent!.last).toBeNull();
}, 60_000);
