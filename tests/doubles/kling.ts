// Kling: {code, message, data} around everything, one strict body per model, external_task_id is unique (K1, K2).

import sharp from 'sharp';
import { z } from 'zod';
import { runDouble, sha256, type Double, type DoubleReply, type DoubleRequest, type Task } from './double';

const maxIds = 20;
const minSide = 300;
const maxRatio = 2.5;
const microsPerUnit = 140_000;

const options = z
  .strictObject({
    external_task_id: z.string().min(1).optional(),
    callback_url: z.url().optional(),
    watermark_info: z.strictObject({ enabled: z.boolean() }).optional(),
  })
  .optional();
const longDuration = z.int().min(3).max(15);
const shortDuration = z.literal([5, 10]);
const resolution = z.enum(['720p', '1080p']).default('720p');
const audio = z.enum(['native', 'off']).default('off');

type Settings = { resolution: string; duration: number; audio?: 'native' | 'off' };
/** `units` are the price of a second, each at 0.14 USD; `fault` is what two settings together cannot do. */
type Model = { promptMax: number; settings: z.ZodRawShape; units: (settings: Settings) => number; fault?: Fault };
type Fault = (settings: Settings, hasLastFrame: boolean) => string | false;

const byResolution = (small: number, large: number) => (settings: Settings) =>
  settings.resolution === '720p' ? small : large;

const models: Record<string, Model> = {
  'kling-3.0-turbo': {
    promptMax: 2500,
    settings: { duration: longDuration },
    units: byResolution(0.8, 1),
    fault: (_settings, hasLastFrame) => hasLastFrame && 'last_frame is not supported',
  },
  'kling-3.0': {
    promptMax: 3072,
    settings: {
      duration: longDuration,
      resolution: z.enum(['720p', '1080p', '4k']).default('720p'),
      audio,
      multi_shot: z.boolean().default(true),
    },
    units: (settings) => {
      if (settings.resolution === '4k') return 3;
      return settings.audio === 'native' ? byResolution(0.9, 1.2)(settings) : byResolution(0.6, 0.8)(settings);
    },
  },
  'kling-2.6': {
    promptMax: 2500,
    settings: { duration: shortDuration, audio },
    units: (settings) => (settings.audio === 'native' ? 1 : byResolution(0.3, 0.5)(settings)),
    fault: (settings, hasLastFrame) =>
      (settings.audio === 'native' && settings.resolution !== '1080p' && 'native audio needs 1080p') ||
      (hasLastFrame && settings.resolution !== '1080p' && 'last_frame needs 1080p') ||
      (hasLastFrame && settings.audio === 'native' && 'last_frame needs audio off'),
  },
  'kling-2.5-turbo': {
    promptMax: 2500,
    settings: { duration: shortDuration },
    units: byResolution(0.3, 0.5),
    fault: (settings, hasLastFrame) => hasLastFrame && settings.resolution !== '1080p' && 'last_frame needs 1080p',
  },
};

const bodyOf = ({ promptMax, settings }: Model) =>
  z.strictObject({
    contents: z
      .array(
        z.discriminatedUnion('type', [
          z.strictObject({ type: z.literal('prompt'), text: z.string().min(1).max(promptMax) }),
          z.strictObject({ type: z.literal('first_frame'), url: z.string().min(1) }),
          z.strictObject({ type: z.literal('last_frame'), url: z.string().min(1) }),
        ]),
      )
      .min(1),
    settings: z.strictObject({ resolution, ...settings }),
    options,
  });

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

async function create(name: string, request: DoubleRequest, double: Double): Promise<DoubleReply> {
  const model = models[name];
  if (!model) return say(404, 1203, 'The model does not exist');
  const parsed = bodyOf(model).safeParse(request.json);
  if (!parsed.success) return say(400, 1201, z.prettifyError(parsed.error));
  const { contents, settings } = parsed.data as { contents: Content[]; settings: Settings };
  const fault = (await faultOfContents(contents, name)) ?? model.fault?.(settings, contents.some(isLast));
  if (fault) return say(400, 1201, fault);
  const externalId = parsed.data.options?.external_task_id;
  if (externalId && [...double.tasks.values()].some((task) => task.external_id === externalId)) {
    return say(400, 1201, `external_task_id ${externalId} already exists`);
  }
  const price_micros = Math.round(model.units(settings) * settings.duration * microsPerUnit);
  const frames = { first: fileOf(contents, 'first_frame'), last: fileOf(contents, 'last_frame') };
  const task = double.accept(request, { price_micros, frames, external_id: externalId });
  const time = { create_time: task.created_ms, update_time: task.created_ms };
  return say(200, 0, 'SUCCEED', { id: task.id, status: 'submitted', ...time, external_id: externalId ?? '' });
}

type Content = { type: 'prompt'; text: string } | { type: 'first_frame' | 'last_frame'; url: string };
const isLink = (url: string) => /^https?:\/\//.test(url);
const isLast = ({ type }: Content) => type === 'last_frame';

/** The file of a picture; null if it is a link. */
function fileOf(contents: Content[], type: Content['type']): Buffer | null {
  const content = contents.find((one) => one.type === type);
  return content && 'url' in content && !isLink(content.url) ? Buffer.from(content.url, 'base64') : null;
}

async function faultOfContents(contents: Content[], model: string): Promise<string | null> {
  const count = (type: Content['type']) => contents.filter((content) => content.type === type).length;
  if (count('first_frame') !== 1) return 'exactly one first_frame is needed';
  if (count('last_frame') > 1 || count('prompt') > 1) return 'at most one prompt and one last_frame';
  if (model === 'kling-3.0-turbo' && count('prompt') !== 1) return 'exactly one prompt is needed';
  for (const content of contents) {
    const fault = 'url' in content && (await faultOfImage(content.url));
    if (fault) return fault;
  }
  return null;
}

async function faultOfImage(url: string): Promise<string | null> {
  if (isLink(url)) return null;
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

function show(task: Task, request: DoubleRequest, double: Double): object {
  const phase = double.phaseOf(task);
  const base = { id: task.id, message: '', external_id: task.external_id ?? '', create_time: task.created_ms };
  if (phase === 'queued') return { ...base, status: 'submitted' };
  if (phase === 'running') return { ...base, status: 'processing' };
  const billing = double.tell(task, rowsOf(task), [{ charge_type: 'cash', amount: 'much' }]);
  if (phase !== 'completed') return { ...base, status: 'failed', message: double.settings.failure.message, billing };
  const url = double.linkTo(task, request);
  const { duration } = (task.request.json as { settings: { duration: number } }).settings;
  const outputs = [{ type: 'video', id: `${task.id}-1`, url, watermark_url: '', duration: `${duration}.1` }];
  return { ...base, status: 'succeeded', outputs, billing };
}

/** The bill as an account pays it that has one unit left in its pack. */
function rowsOf({ end, price_micros: price }: Task): object[] {
  const micros = end?.billed_micros ?? price;
  const cash = { charge_type: 'cash', currency: 'USD' };
  if (micros < microsPerUnit) return [{ ...cash, amount: micros / 1_000_000 }];
  const unit = { charge_type: 'unit', amount: 1, package_type: 'video', list_price: microsPerUnit / 1_000_000 };
  return [unit, { ...cash, amount: (micros - microsPerUnit) / 1_000_000 }];
}
