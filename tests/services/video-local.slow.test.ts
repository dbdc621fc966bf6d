import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { config } from '../../src/config';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { ffmpegPath } from '../../src/media/ffmpeg';
import local from '../../src/services/video-local';
import type { VideoJob } from '../../src/services/provider';
import { quarters } from '../fixtures/colours';
import { pixelDistance } from '../fixtures/pictures';
import { portOf } from '../helpers/wire';
import { click, eventually, finalVideo, newWorkspace, nextVideo, uploadPicture } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

const root = path.resolve(__dirname, '../..');
const sample = path.join(root, 'docs/sample.jpg');
const { signal } = new AbortController();

const job = (
  attemptId: string,
  form: Partial<FormData> = {},
  imageFile = sample,
  endImageFile: string | null = null,
): VideoJob => ({
  attempt_id: attemptId,
  model: local.default_model,
  form_data: { ...emptyForm, duration_s: 2, ...form },
  resolution: null,
  audio: false,
  imageFile,
  endImageFile,
  image: Buffer.alloc(0),
  endImage: null,
  prepared: undefined,
});

const rendersFolder = path.join(config.DATA_DIR, 'renders');

/** Asks as the engine does, until the task has an end; returns the answers. */
async function follow(taskId: string) {
  const answers = [];
  for (;;) {
    const answer = await local.check(taskId, signal);
    answers.push(answer);
    if (answer.state === 'completed' || answer.state === 'failed') return answers;
    await wait(50);
  }
}

async function render(...of: Parameters<typeof job>): Promise<string> {
  const [attemptId] = of;
  expect(await local.submit(job(...of), signal)).toEqual({ state: 'accepted', taskId: attemptId });
  const end = (await follow(attemptId)).at(-1);
  if (end?.state !== 'completed' || !('file' in end)) throw new Error(`ended as ${JSON.stringify(end)}`);
  return end.file;
}

/** The ffmpeg that renders for a process, with its process group; null when there is none. */
function ffmpegOf(parent: number): { pid: number; group: number } | null {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,ppid=,pgid=,stat=,args='], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/));
  // One that is dead and not yet collected has the state Z.
  const row = rows.find(([, ppid, , state, ...words]) => {
    return Number(ppid) === parent && !state?.startsWith('Z') && words.includes('-progress');
  });
  return row ? { pid: Number(row[0]), group: Number(row[2]) } : null;
}

const isAlive = (pid: number) =>
  /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim());

/** Waits until ffmpeg is at work for a task, and ends it from outside. */
async function interrupt(taskId: string, ending: NodeJS.Signals): Promise<void> {
  const ffmpeg = await eventually(async () => {
    const { state, ...rest } = await local.check(taskId, signal);
    return state === 'running' && 'progress' in rest && rest.progress! > 0 && ffmpegOf(process.pid);
  });
  process.kill(ffmpeg.pid, ending);
  await eventually(async () => !isAlive(ffmpeg.pid));
}

/** What ffmpeg says about a file. */
function describeVideo(file: string) {
  const { stderr } = spawnSync(ffmpegPath() ?? '', ['-hide_banner', '-i', file], { encoding: 'utf8' });
  const [, minutes, seconds] = /Duration: \d+:(\d+):([\d.]+)/.exec(stderr) ?? [];
  const [, width, height] = /Video: h264.* yuv420p.* (\d{3,4})x(\d{3,4})/.exec(stderr) ?? [];
  const [, framesPerSecond] = /([\d.]+) fps/.exec(stderr) ?? [];
  return {
    duration: Number(minutes) * 60 + Number(seconds),
    size: `${width}x${height}`,
    framesPerSecond: Number(framesPerSecond),
  };
}

/** The first frame that ffmpeg makes of an input, as a PNG. */
async function png(...input: string[]): Promise<Buffer> {
  const parameters = ['-v', 'error', ...input, ...'-frames:v 1 -f image2pipe -c:v png -'.split(' ')];
  const { stdout } = await promisify(execFile)(ffmpegPath() ?? '', parameters, { encoding: 'buffer', maxBuffer: 1e8 });
  return stdout;
}

const frame = (file: string, seconds: number) => png('-ss', String(seconds), '-i', file);
const lastFrame = (file: string) => png('-sseof', '-0.5', '-i', file, '-vf', 'reverse');

const grey = async (png: Buffer, size = 64) =>
  sharp(png).resize(size, size, { fit: 'fill' }).greyscale().raw().toBuffer();

/** A white cross in the middle of a dark picture, to see where the camera went. */
async function crossPicture(): Promise<string> {
  const file = path.join(config.DATA_DIR, 'cross.png');
  await mkdir(config.DATA_DIR, { recursive: true });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900"><rect width="1600" height="900" fill="#223"/>
    <path d="M700 450h200M800 350v200" stroke="#fff" stroke-width="60"/></svg>`;
  await sharp(Buffer.from(svg)).png().toFile(file);
  return file;
}

/** Centre and size of what is bright, in hundredths of the frame. */
async function brightSpot(file: string, seconds: number) {
  const pixels = await grey(await frame(file, seconds), 100);
  const bright = [...pixels].flatMap((value, index) =>
    value > 128 ? [[index % 100, Math.floor(index / 100)] as const] : [],
  );
  const mean = (axis: 0 | 1) => bright.reduce((sum, point) => sum + point[axis], 0) / bright.length;
  return { x: mean(0), y: mean(1), area: bright.length };
}

afterAll(async () => {
  for (const name of readdirSync(rendersFolder)) await local.cancel?.(name, signal);
});

test('a clip comes out with the exact length, rate and size, and tells its progress', async () => {
  await local.submit(job('plain', { camera_movement: 'push_in', duration_s: 4, aspect_ratio: '9:16' }), signal);
  const answers = await follow('plain');
  const progress = answers.flatMap((answer) => ('progress' in answer ? [answer.progress ?? 0] : []));
  expect(progress).toEqual([...progress].sort((one, other) => one - other));
  expect(progress.some((value) => value > 0 && value < 1)).toBe(true);
  const { file } = answers.at(-1) as { file: string };
  const { duration, ...rest } = describeVideo(file);
  expect(duration).toBeCloseTo(4, 1);
  expect(rest).toEqual({ size: '720x1280', framesPerSecond: 24 });
});

describe('the camera', () => {
  const moveOf = async (id: string) => {
    const file = await render(`move-${id}`, { camera_movement: id }, await crossPicture());
    const [start, end] = [await brightSpot(file, 0), await brightSpot(file, 1.9)];
    return { right: end.x - start.x, down: end.y - start.y, growth: end.area / start.area };
  };

  test('the camera looks to the left with pan_left: things are further to the right at the end', async () => {
    expect((await moveOf('pan_left')).right).toBeGreaterThan(5);
  });

  test('the camera rises with crane_up: things are further down at the end', async () => {
    expect((await moveOf('crane_up')).down).toBeGreaterThan(5);
  });

  test('the camera goes away with pull_out', async () => {
    expect((await moveOf('pull_out')).growth).toBeLessThan(0.8);
  });

  test.each(['a slow drift, as in a dream', 'constructor'])(
    'the camera comes nearer with the unknown "%s"',
    async (id) => {
      expect((await moveOf(id)).growth).toBeGreaterThan(1.2);
    },
  );

  test.each(['roll', 'dolly_zoom'])('the camera shows no black edge with %s', async (id) => {
    const white = path.join(config.DATA_DIR, 'white.png');
    await sharp({ create: { width: 900, height: 900, channels: 3, background: '#fff' } })
      .png()
      .toFile(white);
    const file = await render(`edges-${id}`, { camera_movement: id, aspect_ratio: '1:1' }, white);
    for (const seconds of [0, 1, 1.9])
      expect(Math.min(...(await grey(await frame(file, seconds))))).toBeGreaterThan(245);
  });
});

describe('the light', () => {
  const toLight = ({ channels }: sharp.Stats) => {
    const [red = 0, green = 0, blue = 0] = channels.map(({ mean }) => mean);
    return { warmth: red / blue, brightness: (red + green + blue) / 3 };
  };
  const lightOf = async (lighting: string) => {
    const file = await render(`light-${lighting}`, { lighting, camera_movement: 'static' });
    return toLight(await sharp(await frame(file, 1)).stats());
  };
  let original: ReturnType<typeof toLight>;
  beforeAll(async () => (original = toLight(await sharp(sample).stats())));

  test('the light is warm in the golden hour', async () => {
    expect((await lightOf('golden_hour')).warmth).toBeGreaterThan(original.warmth * 1.15);
  });

  test('the light is dark at night', async () => {
    expect((await lightOf('night')).brightness).toBeLessThan(original.brightness * 0.7);
  });

  test('the light and the camera stay as they are for free text and static', async () => {
    const { warmth, brightness } = await lightOf('just as it is');
    expect(warmth).toBeCloseTo(original.warmth, 1);
    expect(Math.abs(brightness - original.brightness)).toBeLessThan(3);
  });
});

describe('the end of a video', () => {
  /** In values of 0 to 255: encoding alone changes a picture by 1.3, and the light of the golden hour by 14. */
  const unseen = 2;
  const shot = path.join(config.DATA_DIR, 'end.png');
  let cropped: Buffer;

  beforeAll(async () => {
    await mkdir(config.DATA_DIR, { recursive: true });
    await (await quarters(900, 900)).png().toFile(shot);
    cropped = await sharp(shot).resize(1280, 720, { fit: 'cover' }).png().toBuffer();
  });

  test.each(['static', 'pull_out', 'dolly_zoom'])(
    'the end of a video is its end picture, cropped to its shape, whatever the camera does: %s',
    async (move) => {
      const form = { camera_movement: move, lighting: 'night', duration_s: 3 };
      const plain = await render(`no-end-${move}`, form);
      const file = await render(`end-${move}`, form, sample, shot);
      expect(await pixelDistance(await frame(file, 1), await frame(plain, 1))).toBeLessThan(unseen);
      const dissolving = await frame(file, 2.3);
      expect(await pixelDistance(dissolving, await frame(plain, 2.3))).toBeGreaterThan(5);
      expect(await pixelDistance(dissolving, cropped)).toBeGreaterThan(5);
      expect(await pixelDistance(await lastFrame(file), cropped)).toBeLessThan(unseen);
      expect(describeVideo(file)).toEqual(describeVideo(plain));
    },
  );

  test('the end of a video is what a static shot that continues it begins with, in its own light already', async () => {
    const before = await render('before', { camera_movement: 'push_in', lighting: 'golden_hour' });
    const end = path.join(config.DATA_DIR, 'before.png');
    await sharp(await lastFrame(before)).toFile(end);
    const form = { start: 'previous', camera_movement: 'static', lighting: 'golden_hour' } as const;
    const after = await render('after', form, end);
    expect(await pixelDistance(await frame(after, 0), end)).toBeLessThan(unseen);
  });

  test('the end of a video is there after its ffmpeg was killed and it is rendered again', async () => {
    await local.submit(job('end-again', { duration_s: 4 }, sample, shot), signal);
    await interrupt('end-again', 'SIGKILL');
    const { file } = (await follow('end-again')).at(-1) as { file: string };
    expect(await pixelDistance(await lastFrame(file), cropped)).toBeLessThan(unseen);
    expect(readdirSync(path.dirname(file)).sort()).toEqual(['end.png', 'request.json', 'still.png', 'video.mp4']);
  });
});

test('a photo that was taken upright stands upright', async () => {
  const file = path.join(config.DATA_DIR, 'upright.jpg');
  const left = { create: { width: 300, height: 400, channels: 3 as const, background: '#fff' } };
  // Orientation 6 turns the picture clockwise: its left half is seen on top.
  await sharp({ create: { width: 600, height: 400, channels: 3, background: '#000' } })
    .composite([{ input: left, left: 0, top: 0 }])
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toFile(file);
  const video = await render('upright', { camera_movement: 'static', aspect_ratio: '3:4' }, file);
  const pixels = await grey(await frame(video, 0), 10);
  expect(pixels[5]).toBeGreaterThan(240);
  expect(pixels[95]).toBeLessThan(15);
});

describe('a task', () => {
  test('a task of the local renderer is one task however often it is submitted', async () => {
    const both = await Promise.all([local.submit(job('twice'), signal), local.submit(job('twice'), signal)]);
    expect(both).toEqual([
      { state: 'accepted', taskId: 'twice' },
      { state: 'accepted', taskId: 'twice' },
    ]);
    expect(readdirSync(rendersFolder).filter((name) => name.startsWith('twice'))).toEqual(['twice']);
    await follow('twice');
  });

  test('a task of the local renderer waits for its turn when all cores are busy, and can be cancelled while it waits or runs', async () => {
    const names = Array.from({ length: availableParallelism() + 2 }, (_, index) => `busy-${index}`);
    for (const name of names) await local.submit(job(name, { duration_s: 15 }), signal);
    const states = await Promise.all(names.map(async (name) => (await local.check(name, signal)).state));
    expect(states.slice(-2)).toEqual(['queued', 'queued']);
    expect(states.slice(0, -2)).not.toContain('queued');
    for (const name of names.reverse()) await local.cancel?.(name, signal);
    expect(readdirSync(rendersFolder).filter((name) => name.startsWith('busy'))).toEqual([]);
    expect(ffmpegOf(process.pid)).toBeNull();
    expect(await local.check('busy-0', signal)).toMatchObject({ state: 'not_found' });
    await local.submit(job('after-busy'), signal);
    expect((await local.check('after-busy', signal)).state).toBe('running');
    await follow('after-busy');
  });

  test('a task of the local renderer that died with its process is rendered again when it is asked for', async () => {
    const script = `
      const local = require('./src/services/video-local').default;
      const { signal } = new AbortController();
      local.submit(${JSON.stringify(job('killed'))}, signal).then(async () => {
        while ((await local.check('killed', signal)).state !== 'running') await new Promise((resolve) => setTimeout(resolve, 20));
        console.log('running');
      });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '-e', script], { cwd: root, env: process.env });
    await new Promise((resolve) => createInterface(child.stdout).once('line', resolve));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(existsSync(path.join(rendersFolder, 'killed/video.mp4'))).toBe(false);
    const end = (await follow('killed')).at(-1) as { file: string };
    expect(describeVideo(end.file).duration).toBeCloseTo(2, 1);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'a task of the local renderer whose ffmpeg is ended by %s is rendered again',
    async (ending) => {
      await local.submit(job(`ended-by-${ending}`, { duration_s: 4 }), signal);
      await interrupt(`ended-by-${ending}`, ending);
      const end = (await follow(`ended-by-${ending}`)).at(-1);
      expect(end).toMatchObject({ state: 'completed' });
      expect(describeVideo((end as { file: string }).file).duration).toBeCloseTo(4, 1);
      expect(readdirSync(path.join(rendersFolder, `ended-by-${ending}`)).sort()).toEqual([
        'request.json',
        'still.png',
        'video.mp4',
      ]);
    },
  );

  test('a task of the local renderer whose ffmpeg is ended a fourth time has failed', async () => {
    await local.submit(job('ended-often', { duration_s: 15 }), signal);
    for (let count = 1; count <= 3; count++) {
      await interrupt('ended-often', 'SIGKILL');
      expect((await local.check('ended-often', signal)).state).toBe('running');
    }
    await interrupt('ended-often', 'SIGKILL');
    expect((await follow('ended-often')).at(-1)).toMatchObject({
      state: 'failed',
      code: 'TASK_FAILED',
      charged: 'no',
      reason: expect.stringContaining('ffmpeg was killed (SIGKILL)') as string,
    });
  });

  test('a task of the local renderer has an ffmpeg in a process group of its own, which a cancellation ends', async () => {
    await local.submit(job('grouped', { duration_s: 15 }), signal);
    const { pid, group } = await eventually(async () => ffmpegOf(process.pid));
    expect(group).toBe(pid);
    await local.cancel?.('grouped', signal);
    expect(isAlive(pid)).toBe(false);
  });

  test('a task of the local renderer is refused, free of charge, when the picture cannot be read', async () => {
    expect(await local.submit(job('no-picture', {}, '/nowhere.png'), signal)).toMatchObject({
      state: 'refused',
      code: 'IMAGE_UNREADABLE',
      charged: 'no',
    });
    expect(existsSync(path.join(rendersFolder, 'no-picture'))).toBe(false);
  });

  test('a task of the local renderer is refused, free of charge, when the end picture cannot be read', async () => {
    expect(await local.submit(job('no-end', {}, sample, '/nowhere.png'), signal)).toMatchObject({
      state: 'refused',
      code: 'IMAGE_UNREADABLE',
      charged: 'no',
    });
    expect(existsSync(path.join(rendersFolder, 'no-end'))).toBe(false);
  });

  test('a task of the local renderer fails with the words of ffmpeg when its files are damaged', async () => {
    await mkdir(path.join(rendersFolder, 'damaged'), { recursive: true });
    await writeFile(path.join(rendersFolder, 'damaged/still.png'), 'no picture');
    const { camera_movement, lighting, duration_s, aspect_ratio } = emptyForm;
    const request = JSON.stringify({ camera_movement, lighting, duration_s, aspect_ratio });
    await writeFile(path.join(rendersFolder, 'damaged/request.json'), request);
    expect((await follow('damaged')).at(-1)).toMatchObject({
      state: 'failed',
      code: 'TASK_FAILED',
      charged: 'no',
      reason: expect.stringContaining('ffmpeg ended with code') as string,
    });
  });

  test('a task of the local renderer is forgotten a day after it was touched last', async () => {
    const old = path.join(rendersFolder, 'old');
    await mkdir(old, { recursive: true });
    const yesterday = new Date(Date.now() - 25 * 3600 * 1000);
    await utimes(old, yesterday, yesterday);
    await local.submit(job('fresh'), signal);
    expect(existsSync(old)).toBe(false);
    expect(existsSync(path.join(rendersFolder, 'fresh'))).toBe(true);
  });
});

describe('a server that is stopped', () => {
  /** A server in a process group of its own whose ffmpeg is at work. */
  async function startRendering(): Promise<{ server: TestServer; id: string; ffmpeg: number }> {
    const server = await startServer({}, { detached: true });
    const socket = await connect(server.wsUrl);
    const id = await newWorkspace(socket, await uploadPicture(server), { duration_s: 8 });
    await click(server, id);
    await nextVideo(socket, id, ({ progress }) => progress !== null && progress > 0);
    // Somebody who is still asking keeps the stop from being over before ffmpeg is.
    const asking = net.connect(portOf(server.url), '127.0.0.1').on('error', () => undefined);
    await new Promise<void>((resolve) => asking.write('GET / HTTP/1.1\r\n', () => resolve()));
    const { pid } = ffmpegOf(server.child.pid!)!;
    return { server, id, ffmpeg: pid };
  }

  test('a clip is rendered after the next start when a Ctrl-C of the terminal stops the server', async () => {
    const { server, id, ffmpeg } = await startRendering();
    const exited = once(server.child, 'exit');
    process.kill(-server.child.pid!, 'SIGINT');
    expect(await exited).toEqual([0, null]);
    await eventually(async () => !isAlive(ffmpeg));

    const again = await server.restart();
    expect(await finalVideo(again, id)).toMatchObject({ status: 'completed', error: null });
    expect(await again.stop()).toBe(0);
    await rm(server.folder, { recursive: true, force: true });
  });

  test('a clip is rendered after the next start when a service manager that signals every process stops the server', async () => {
    const { server, id, ffmpeg } = await startRendering();
    const exited = once(server.child, 'exit');
    process.kill(ffmpeg, 'SIGTERM');
    server.child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);

    const again = await server.restart();
    expect(await finalVideo(again, id)).toMatchObject({ status: 'completed', error: null });
    expect(await again.stop()).toBe(0);
    await rm(server.folder, { recursive: true, force: true });
  });
});

test('a machine without ffmpeg is told what to install', async () => {
  const script = `
    const local = require('./src/services/video-local').default;
    local.submit(${JSON.stringify(job('none'))}).then((answer) => console.log(JSON.stringify(answer)));`;
  const options = { cwd: root, env: { ...process.env, FFMPEG_PATH: __filename } };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', '-e', script], options);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'refused', code: 'PROVIDER_NOT_CONFIGURED', charged: 'no' });
});
