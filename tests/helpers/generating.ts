import sharp from 'sharp';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import type { Workspace } from '../../src/contract/workspace';
import { startDouble, type StartedDouble } from '../doubles/start-double';
import type { Answer, TestServer } from './server';
import { connect, type TestSocket } from './socket';

export const vendors = ['runway', 'pika', 'kling'] as const;
export type Vendor = (typeof vendors)[number];
export type Doubles = Record<Vendor, StartedDouble>;

/** How the paid create and the question for a task begin, for the rules of a double. */
export const wire: Record<Vendor, { create: string; task: string }> = {
  runway: { create: 'POST /v1/image_to_video', task: 'GET /v1/tasks' },
  pika: { create: 'POST /v1/media/pika', task: 'GET /v1/media/jobs' },
  kling: { create: 'POST /image-to-video', task: 'GET /tasks' },
};

/** Keys that must never be seen anywhere but at their vendor. */
export const canaryKeys: Record<Vendor, string> = {
  runway: 'key_canary_runway_5f21c07be9',
  pika: 'key_canary_pika_83d04a6bf2',
  kling: 'key_canary_kling_19ce75d3a0',
};

/** Starts the doubles of the three vendors, each with its canary key; `logFile` names the log of accepted creates. */
export async function startDoubles(logFile?: (vendor: Vendor) => string): Promise<Doubles> {
  const started = await Promise.all(vendors.map((vendor) => startDouble(vendor, logFile?.(vendor))));
  const doubles = Object.fromEntries(vendors.map((vendor, index) => [vendor, started[index]])) as Doubles;
  await resetDoubles(doubles);
  return doubles;
}

/** Puts the doubles back to the beginning. */
export async function resetDoubles(doubles: Doubles): Promise<void> {
  for (const vendor of vendors) {
    await doubles[vendor].reset();
    await doubles[vendor].set({ api_key: canaryKeys[vendor] });
  }
}

/** Ends the doubles. */
export const stopDoubles = (doubles: Doubles): Promise<unknown> =>
  Promise.all(vendors.map((vendor) => doubles[vendor].stop()));

/** Settings of a server that finds the doubles where the vendors would be, with short intervals. */
export const settingsFor = (doubles: Doubles): Record<string, string> => ({
  VIDEO_PROVIDER: 'runway',
  VIDEO_POLL_INTERVAL_MS: '50',
  VIDEO_RECHECK_INTERVAL_MS: '300',
  PROVIDER_REQUEST_TIMEOUT_MS: '1000',
  ...Object.fromEntries(
    vendors.flatMap((vendor) => [
      [`${vendor.toUpperCase()}_BASE_URL`, doubles[vendor].url],
      [`${vendor.toUpperCase()}_API_KEY`, canaryKeys[vendor]],
    ]),
  ),
});

/** Uploads a picture and returns its image_path. */
export async function uploadPicture(server: TestServer): Promise<string> {
  const picture = sharp({ create: { width: 640, height: 360, channels: 3, background: '#3366aa' } });
  const { body } = await server.upload(await picture.jpeg().toBuffer());
  return body.image_path as string;
}

let count = 0;

/** Creates a workspace whose prompt is like no other, and returns its id. */
export async function newWorkspace(
  socket: TestSocket,
  imagePath: string | null,
  form: Partial<FormData> = {},
): Promise<string> {
  const form_data = { prompt: `The lamp of lighthouse ${++count} turns.`, ...form };
  const { workspace } = await socket.ask({ type: 'workspace.create', data: { image_path: imagePath, form_data } });
  return workspace._id as string;
}

/** Asks for the video of a workspace. */
export const click = (server: TestServer, workspaceId: string, more: object = {}): Promise<Answer> =>
  server.post('/api/generate/video', { workspace_id: workspaceId, ...more });

/** The workspace as a browser loads it. */
export async function load(server: TestServer, workspaceId: string): Promise<Workspace> {
  const { body } = await server.get('/api/workspaces');
  return (body.workspaces as Workspace[]).find(({ _id }) => _id === workspaceId)!;
}

/** The videos that a socket was told of, oldest first. */
export const toldOf = ({ frames }: TestSocket, workspaceId: string, since = 0): Video[] =>
  frames
    .slice(since)
    .filter(({ type, workspace_id }) => type === 'video.status_update' && workspace_id === workspaceId)
    .map(({ video }) => video as Video);

/** Waits until a socket is told of a video that fits. */
export async function nextVideo(
  socket: TestSocket,
  workspaceId: string,
  fits: (video: Video) => boolean = isFinal,
  since = 0,
): Promise<Video> {
  const frame = await socket.next(
    ({ type, workspace_id, video }) =>
      type === 'video.status_update' && workspace_id === workspaceId && fits(video as Video),
    since,
  );
  return frame.video as Video;
}

/** Whether a generation has come to its end, at least for now. */
export const isFinal = ({ status }: Video): boolean => status === 'completed' || status === 'failed';

/** Waits for the end of a generation, told or already stored. */
export async function finalVideo(server: TestServer, workspaceId: string): Promise<Video> {
  const socket = await connect(server.wsUrl);
  try {
    const { video } = await load(server, workspaceId);
    return isFinal(video) ? video : await nextVideo(socket, workspaceId);
  } finally {
    socket.close();
  }
}

/** Asks again and again, for what tells nobody when it comes; fails after 10 s. */
export async function eventually<Value>(ask: () => Promise<Value | undefined | false | null>): Promise<Value> {
  const giveUpAt = Date.now() + 10_000;
  for (;;) {
    const value = await ask();
    if (value) return value;
    if (Date.now() > giveUpAt) throw new Error('what the test waits for did not come within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
