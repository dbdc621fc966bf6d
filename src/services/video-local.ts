// No network: ffmpeg on this machine makes an animatic, which shows a camera move before anyone pays for it.
// A task is the folder renders/<taskId>: request.json, still.png and, for a video that ends on a picture, end.png from submit on,
// video.mp4 or failure.txt at the end.
// A folder with neither of these, and without a running ffmpeg, is a task whose ffmpeg was killed, alone or with the server;
// check renders it again, which costs nothing.

import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { config, readSettings } from '../config';
import { aspectRatios, promptMaxCharacters } from '../contract/limits';
import { defineVideoProvider, type VideoJob } from './provider';
import { logger } from '../utils/logger';
import { parseReply } from '../utils/parse';
import { createLimit } from '../utils/queue';
import { filterGraph, renderRequest, stillSize, videoSize, type RenderRequest } from './animatic';
import { framesPerSecond, type Size } from './animatic-camera';
import { ffmpegPath, ffmpegProblem } from '../media/ffmpeg';
import { runFfmpeg } from '../media/ffmpeg-process';
import { withImage } from '../media/images';

const folderLifetimeMs = 24 * 3600 * 1000;
const stderrLength = 2000;
const limited = createLimit(availableParallelism());
/** Restarts within one process; if ffmpeg is killed repeatedly, for instance for lack of memory, the task fails. */
const maxRestarts = 3;
/** The exit code of ffmpeg after a SIGINT or SIGTERM, which it handles itself. */
const interruptedCode = 255;
/** Checks cost nothing here, and keep the progress bar moving. */
const checkEveryMs = 300;

type Render = {
  state: 'queued' | 'running';
  progress: number;
  stop: AbortController;
  done: Promise<void>;
};

const renders = new Map<string, Render>();
/** How often the ffmpeg of each task was killed. */
const interruptions = new Map<string, number>();

class Interrupted extends Error {}

export default defineVideoProvider({
  name: 'local',
  settings: readSettings(z.object({})),
  models: [
    {
      id: 'animatic',
      durations_s: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
      aspect_ratios: [...aspectRatios],
      resolutions: [],
      default_resolution: null,
      audio: 'never',
      end_image: true,
      // It ignores the prompt, so any prompt that the form allows must fit.
      prompt_max: promptMaxCharacters,
      prompt_required: false,
      negative_prompt: false,
      seed: false,
      prices: [],
      priced_on: null,
    },
  ],
  default_model: 'animatic',
  deduplication: 'key',
  isNoCharge: true,
  problem: ffmpegProblem,
  checkEveryMs,

  async submit(job) {
    const taskId = job.attempt_id;
    const problem = ffmpegProblem();
    if (problem) return { state: 'refused', code: 'PROVIDER_NOT_CONFIGURED', reason: problem, charged: 'no' };
    await sweepRenders();
    if (!existsSync(folderOf(taskId))) {
      const pictures = await makePictures(job);
      if (pictures instanceof Error) {
        return { state: 'refused', code: 'IMAGE_UNREADABLE', reason: pictures.message, charged: 'no' };
      }
      await writeTask(taskId, job, pictures);
    }
    startRender(taskId);
    return { state: 'accepted', taskId };
  },

  async check(taskId) {
    const folder = folderOf(taskId);
    const file = path.join(folder, 'video.mp4');
    if (!renders.has(taskId) && existsSync(file)) return { state: 'completed', file };
    if (existsSync(path.join(folder, 'failure.txt'))) {
      const reason = await readFile(path.join(folder, 'failure.txt'), 'utf8');
      return { state: 'failed', code: 'TASK_FAILED', reason, charged: 'no' };
    }
    if (!existsSync(folder)) {
      return { state: 'not_found', reason: 'there is no such render' };
    }
    const { state, progress } = startRender(taskId);
    return { state, progress };
  },

  async cancel(taskId) {
    const render = renders.get(taskId);
    render?.stop.abort();
    interruptions.delete(taskId);
    // A queued render stops when it starts.
    if (render?.state === 'running') await render.done;
    await rm(folderOf(taskId), { recursive: true, force: true });
  },
});

const folderOf = (taskId: string) => path.join(config.DATA_DIR, 'renders', path.basename(taskId));

async function sweepRenders(): Promise<void> {
  const root = path.join(config.DATA_DIR, 'renders');
  await mkdir(root, { recursive: true });
  for (const name of await readdir(root)) {
    const folder = path.join(root, name);
    const facts = await stat(folder).catch(() => null);
    if (facts && Date.now() - facts.mtimeMs > folderLifetimeMs) await rm(folder, { recursive: true, force: true });
  }
}

/** The pictures of a task by the names of their files. */
type Pictures = { 'still.png': Buffer; 'end.png'?: Buffer };

async function makePictures({ form_data: form, imageFile, endImageFile }: VideoJob): Promise<Pictures | Error> {
  try {
    const still = await cropPicture(imageFile, stillSize(form.aspect_ratio));
    const end = endImageFile && (await cropPicture(endImageFile, videoSize(form.aspect_ratio)));
    return { 'still.png': still, ...(end && { 'end.png': end }) };
  } catch (error) {
    return error as Error;
  }
}

const cropPicture = (file: string, [width, height]: Size): Promise<Buffer> =>
  withImage(file, ({ image }) => image.resize(width, height, { fit: 'cover' }).png({ compressionLevel: 2 }).toBuffer());

// The folder appears complete or not at all, so its presence alone means that the task exists.
async function writeTask(taskId: string, { form_data: form }: VideoJob, pictures: Pictures): Promise<void> {
  const draft = `${folderOf(taskId)}.${randomBytes(4).toString('hex')}`;
  const request: RenderRequest = {
    camera_movement: form.camera_movement,
    // The frame of a clip has its light already, and the first frame has to be that frame.
    lighting: form.start === 'previous' ? '' : form.lighting,
    duration_s: form.duration_s,
    aspect_ratio: form.aspect_ratio,
  };
  try {
    await mkdir(draft, { recursive: true });
    for (const [name, bytes] of Object.entries(pictures))
      await writeFile(path.join(draft, name), bytes, { flush: true });
    await writeFile(path.join(draft, 'request.json'), JSON.stringify(request), { flush: true });
    await rename(draft, folderOf(taskId));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // The same attempt submitted twice at the same time is one task.
    if (!existsSync(folderOf(taskId))) throw error;
  }
}

function startRender(taskId: string): Render {
  const known = renders.get(taskId);
  if (known) return known;
  const render: Render = { state: 'queued', progress: 0, stop: new AbortController(), done: Promise.resolve() };
  renders.set(taskId, render);
  render.done = limited(() => runRender(taskId, render));
  return render;
}

// Never rejects: the files in the folder show how it ended.
async function runRender(taskId: string, render: Render): Promise<void> {
  render.state = 'running';
  try {
    if (!render.stop.signal.aborted) await renderVideo(folderOf(taskId), render);
    interruptions.delete(taskId);
  } catch (error) {
    if (!render.stop.signal.aborted && !shouldRestart(taskId, error)) await recordFailure(folderOf(taskId), error);
  } finally {
    renders.delete(taskId);
  }
}

function shouldRestart(taskId: string, error: unknown): boolean {
  if (!(error instanceof Interrupted)) return false;
  const count = (interruptions.get(taskId) ?? 0) + 1;
  interruptions.set(taskId, count);
  if (count > maxRestarts) return false;
  logger.warn('render interrupted, rendering again', { task_id: taskId, error });
  return true;
}

async function recordFailure(folder: string, error: unknown): Promise<void> {
  logger.error('render failed', { task_id: path.basename(folder), error });
  await writeFile(path.join(folder, 'failure.txt'), error instanceof Error ? error.message : String(error)).catch(
    (cause: unknown) => logger.error('render failure not recorded', { task_id: path.basename(folder), error: cause }),
  );
}

async function renderVideo(folder: string, render: Render): Promise<void> {
  const stored: unknown = JSON.parse(await readFile(path.join(folder, 'request.json'), 'utf8'));
  const request = parseReply(renderRequest, stored, 'The local renderer');
  const frames = request.duration_s * framesPerSecond;
  // An ffmpeg that outlived a killed server may still be writing, so each run has its own file.
  const unfinished = `${randomBytes(4).toString('hex')}.mp4`;
  const hasEnd = existsSync(path.join(folder, 'end.png'));
  const parameters = [
    ...['still.png', ...(hasEnd ? ['end.png'] : [])].flatMap((name) => [
      '-framerate',
      String(framesPerSecond),
      '-i',
      name,
    ]),
    ...['-filter_complex', filterGraph(request, hasEnd), '-map', '[video]'],
    ...['-frames:v', String(frames), '-r', String(framesPerSecond), '-c:v', 'libx264', '-preset', 'veryfast'],
    ...'-crf 19 -pix_fmt yuv420p -colorspace bt709 -color_primaries bt709 -color_trc bt709'.split(' '),
    ...['-movflags', '+faststart', unfinished],
  ];
  try {
    await encode(folder, render, frames, parameters);
    await rename(path.join(folder, unfinished), path.join(folder, 'video.mp4'));
  } finally {
    await rm(path.join(folder, unfinished), { force: true });
  }
}

async function encode(folder: string, render: Render, frames: number, parameters: string[]): Promise<void> {
  const program = ffmpegPath();
  if (!program) throw new Error('ffmpeg was not found');
  const onLine = (line: string) => {
    const frame = /^frame=\s*(\d+)/.exec(line)?.[1];
    if (frame) render.progress = Math.min(1, Number(frame) / frames);
  };
  const allParameters = ['-v', 'error', '-y', '-progress', 'pipe:1', ...parameters];
  const { signal } = render.stop;
  const { code, endedBy, stderr } = await runFfmpeg(program, allParameters, {
    signal,
    stderrLength,
    cwd: folder,
    onLine,
  });
  const isInterrupted = endedBy !== null || code === interruptedCode;
  if (isInterrupted) throw new Interrupted(`ffmpeg was killed (${endedBy ?? `code ${code}`})`);
  if (code !== 0) throw new Error(`ffmpeg ended with code ${code}: ${stderr.trim()}`);
}
