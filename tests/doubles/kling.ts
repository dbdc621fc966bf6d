// Kling: {code, message, data} around everything, one strict body per model, external_task_id is unique (K1, K2).

import sharp from 'sharp';
import { z } from 'zod';
import { runDouble, sha256, type Double, type DoubleReply, type DoubleRequest, type Task } from './double';

const maxIds = 20;
const minSide = 300;
const maxRatio = 2.5;

const options = z
  .strictObject({
    external_task_id: z.string().min(1).optional(),
    callback_url: z.url().optional(),
    watermark_info: z.strictObject({ enabled: z.boolean() }).optional(),
  })
  .optional();
const longDuration = z.int().min(3).max(15);
const shortDuration = z.literal([5, 10]);
const resolution = z.enum(['720p', '1080p']).optional();
const audio = z.enum(['native', 'off']).optional();

const body = (promptMax: number, settings: z.ZodRawShape) =>
  z.strictObject({
    contents: z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({ type: z.literal('prompt'), text: z.string().min(1).max(promptMax) }),
          z.strictObject({ type: z.literal('first_frame'), url: z.string().min(1) }),
        ]),
      )
      .min(1),
    settings: z.strictObject({ resolution, ...settings }),
    options,
  });

const bodies: Record<string, ReturnType<typeof body>> = {
  'kling-3.0-turbo': body(2500, { duration: longDuration }),
  'kling-3.0': body(3072, {
    duration: longDuration,
    resolution: z.enum(['720p', '1080p', '4k']).optional(),
    audio,
    multi_shot: z.boolean().optional(),
  }),
  'kling-2.6': body(2500, { duration: shortDuration, audio }),
  'kling-2.5-turbo': body(2500, { duration: shortDuration }),
};

runDouble({ handle });

const say = (status: number, code: number, message: string, data?: unknown): DoubleReply => ({
  status,
  body: { code, message, request_id: sha256(`${Date.now()}`).slice(0, 16), ...(data !== undefined && { data }) },
});

async function handle(request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const { method, path, headers, query } = request;
  const [, key] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (!key) return say(401, 1001, 'Authorization is empty');
  if (double.settings.api_key !== null && key !== double.settings.api_key) {
    return say(401, 1002, 'Authorization is invalid');
  }
  const [, model] = /^\/image-to-video\/([^/]+)$/.exec(path) ?? [];
  if (model && method === 'POST') return create(model, request, double);
  if (path !== '/tasks' || method !== 'GET') return say(404, 1202, 'The method does not exist');
  const taskIds = toIds(query.get('task_ids'));
  const externalIds = toIds(query.get('external_task_ids'));
  if ((taskIds.length === 0) === (externalIds.length === 0) || taskIds.length + externalIds.length > maxIds) {
    return say(400, 1201, `either task_ids or external_task_ids, and at most ${maxIds}`);
  }
  const found = [...double.tasks.values()].filter(
    ({ id, external_id: externalId }) =>
      taskIds.includes(id) || (externalId !== null && externalIds.includes(externalId)),
  );
  return say(
    200,
    0,
    'SUCCEED',
    found.map((task) => show(task, request, double)),
  );
}

const toIds = (list: string | null) => (list ?? '').split(',').filter(Boolean);

async function create(model: string, request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const shape = bodies[model];
  if (!shape) return say(404, 1203, 'The model does not exist');
  const parsed = shape.safeParse(request.json);
  if (!parsed.success) return say(400, 1201, z.prettifyError(parsed.error));
  const frames = parsed.data.contents.filter((content) => content.type === 'first_frame');
  if (frames.length !== 1) return say(400, 1201, 'exactly one first_frame is needed');
  const fault = await faultOfImage(frames[0]!.url);
  if (fault) return say(400, 1201, fault);
  const externalId = parsed.data.options?.external_task_id;
  if (externalId && [...double.tasks.values()].some((task) => task.external_id === externalId)) {
    return say(400, 1201, `external_task_id ${externalId} already exists`);
  }
  const task = double.accept(request, { external_id: externalId });
  const time = { create_time: task.created_ms, update_time: task.created_ms };
  return say(200, 0, 'SUCCEED', { id: task.id, status: 'submitted', ...time, external_id: externalId ?? '' });
}

async function faultOfImage(url: string): Promise<string | null> {
  if (/^https?:\/\//.test(url)) return null;
  if (url.startsWith('data:')) return 'image base64 must have no prefix';
  try {
    const { format, width, height } = await sharp(Buffer.from(url, 'base64')).metadata();
    if (format !== 'jpeg' && format !== 'png') return 'image format must be jpg or png';
    if (Math.min(width, height) < minSide) return `image is smaller than ${minSide}px`;
    const ratio = Math.max(width / height, height / width);
    // A picture of whole pixels cannot meet a ratio exactly.
    return ratio > maxRatio * 1.01 ? 'image ratio must be between 1:2.5 and 2.5:1' : null;
  } catch {
    return 'image base64 cannot be read';
  }
}

function show(task: Task, request: DoubleRequest, { phaseOf, linkTo, settings }: Double): object {
  const phase = phaseOf(task);
  const base = { id: task.id, message: '', external_id: task.external_id ?? '', create_time: task.created_ms };
  if (phase === 'queued') return { ...base, status: 'submitted' };
  if (phase === 'running') return { ...base, status: 'processing' };
  if (phase !== 'completed') return { ...base, status: 'failed', message: settings.failure.message };
  const url = linkTo(task, request);
  const { duration } = (task.request.json as { settings: { duration: number } }).settings;
  const outputs = [{ type: 'video', id: `${task.id}-1`, url, watermark_url: '', duration: `${duration}.1` }];
  return { ...base, status: 'succeeded', outputs };
}
