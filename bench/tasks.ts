import { setTimeout as pause } from 'node:timers/promises';
import type { mongo } from 'mongoose';
import sharp from 'sharp';
import type WebSocket from 'ws';
import type { ServerMessages } from '../src/contract/messages';
import { startDouble, type StartedDouble } from '../tests/doubles/start-double';
import { close, open } from './load';
import { startServer, type Measured } from './processes';
import { milliseconds, percent, perSecond, type Row } from './report';
import { mean, median, quantile } from './statistics';
import { seedWorkspaces } from './workspaces';

type Told = ServerMessages['video.status_update'] & { atMs: number };

const jitter = 0.2;
const clicksAtOnce = 20;
const pushWithinMs = 50;
const maxCpuShare = 0.3;
const maxLateness = 0.1;
const pushPollMs = 250;
const lookEveryMs = 200;

/** The time from the poll that is answered with the finished task to the broadcasts about it. */
export async function measurePush(uri: string, database: mongo.Db, clips: number): Promise<Row[]> {
  return withRunway(uri, pushPollMs, async ({ server, double, imagePath }) => {
    await double.set({ queued_ms: 100, running_ms: 300 });
    const ids = await seedWorkspaces(database, clips, { image_path: imagePath, image_url: `/${imagePath}` });
    const socket = await open(server.wsUrl);
    const downloads: Told[] = [];
    const ends: Told[] = [];
    for (const id of ids) {
      const told = watch(socket, id);
      await click(server, id);
      const end = await told.end;
      downloads.push(told.seen.find(({ video }) => video.phase === 'downloading')!);
      ends.push(end);
    }
    await close(socket);

    const polls = await pollsOf(double);
    const afterPoll = (told: Told) => told.atMs - polls.get(told.video.task_id!)!.at(-1)!;
    const row = (item: string, times: number[]): Row => ({
      item,
      measured: `${milliseconds(median(times))}, slowest ${milliseconds(Math.max(...times))}`,
      target: `<= ${pushWithinMs} ms`,
      met: median(times) <= pushWithinMs,
      values: { medianMs: median(times), slowestMs: Math.max(...times) },
    });
    return [
      row('Finished task: from the poll to the first push ("downloading")', downloads.map(afterPoll)),
      row('Finished task: from the poll to the push with the stored clip and its poster', ends.map(afterPoll)),
    ];
  });
}

/** Many tasks that run at once: first with new progress at every poll, then without any. */
export async function measureTasks(
  uri: string,
  database: mongo.Db,
  plan: { tasks: number; pollMs: number; measureMs: number },
  onProgress: (line: string) => void,
): Promise<Row[]> {
  const { tasks, pollMs } = plan;
  return withRunway(uri, pollMs, async ({ server, double, imagePath }) => {
    await double.set({ queued_ms: 0, running_ms: 60 * pollMs, ends: 'never' });
    const ids = await seedWorkspaces(database, tasks, { image_path: imagePath, image_url: `/${imagePath}` });
    const socket = await open(server.wsUrl);
    const waiting = [...ids];
    const clicking = Array.from({ length: clicksAtOnce }, async () => {
      for (let id = waiting.pop(); id; id = waiting.pop()) await click(server, id);
    });
    await Promise.all(clicking);
    // A click that waits for a slot is answered before its task runs.
    while ((await double.accepted()).length < tasks) await pause(lookEveryMs);
    onProgress(`  ${tasks} tasks are running`);

    const item = `${tasks.toLocaleString('en')} running tasks, polled every ${pollMs / 1000} s`;
    const growing = await measurePolls({ server, double, socket }, plan, `${item}, with progress`);
    await double.set({ running_ms: 1e9 });
    const still = await measurePolls({ server, double, socket }, plan, `${item}, without progress`);
    await close(socket);
    return [...growing, ...still];
  });
}

async function measurePolls(
  { server, double, socket }: { server: Measured; double: StartedDouble; socket: WebSocket },
  { tasks, pollMs, measureMs }: { tasks: number; pollMs: number; measureMs: number },
  item: string,
): Promise<Row[]> {
  const longestPauseMs = pollMs * (1 + jitter);
  await pause(longestPauseMs);
  let pushes = 0;
  const count = () => void pushes++;
  const before = await server.usage();
  const fromMs = Date.now();
  socket.on('message', count);
  await pause(measureMs);
  socket.off('message', count);
  const untilMs = Date.now();
  const after = await server.usage();

  const polls = [...(await pollsOf(double)).values()];
  const gaps = polls.flatMap((times) => gapsWithin(times, fromMs, untilMs));
  const lateMs = gaps.map((gap) => Math.max(0, gap - longestPauseMs));
  const asked = polls.flat().filter((at) => at >= fromMs && at < untilMs).length;
  const cpuShare = (after.cpuMs - before.cpuMs) / (untilMs - fromMs);
  const onTimeMs = maxLateness * pollMs;
  const rate = (number: number) => perSecond(number / ((untilMs - fromMs) / 1000));
  return [
    {
      item: `${item}: delay beyond the longest planned interval`,
      measured: `p99 ${milliseconds(quantile(lateMs, 0.99))}, longest ${milliseconds(Math.max(...lateMs))}`,
      target: `p99 <= ${onTimeMs} ms`,
      met: polls.length === tasks && quantile(lateMs, 0.99) <= onTimeMs,
      values: { lateP99Ms: quantile(lateMs, 0.99), latestMs: Math.max(...lateMs) },
    },
    {
      item: `${item}: mean interval beyond the planned mean`,
      measured: milliseconds(mean(gaps) - pollMs * (1 + jitter / 2)),
      values: { lateMeanMs: mean(gaps) - pollMs * (1 + jitter / 2) },
    },
    {
      item: `${item}: CPU of one core, at this rate of polls and pushes`,
      measured: `${percent(cpuShare)}, ${rate(asked)} and ${rate(pushes)}`,
      target: `< ${percent(maxCpuShare)}`,
      met: cpuShare < maxCpuShare,
      values: { cpuShare, polls: asked, pushes },
    },
  ];
}

type Running = { server: Measured; double: StartedDouble; imagePath: string };

// Plain http to a double is not taken in production, so this server is in test mode, where each frame is checked as well.
async function withRunway(uri: string, pollMs: number, measure: (running: Running) => Promise<Row[]>): Promise<Row[]> {
  const double = await startDouble('runway');
  const server = await startServer({
    NODE_ENV: 'test',
    LOG_LEVEL: 'info',
    MONGODB_URI: uri,
    VIDEO_PROVIDER: 'runway',
    RUNWAY_BASE_URL: double.url,
    RUNWAY_API_KEY: 'bench',
    VIDEO_POLL_INTERVAL_MS: String(pollMs),
    VIDEO_MAX_CONCURRENT: '10000',
  });
  try {
    return await measure({ server, double, imagePath: await uploadPicture(server) });
  } finally {
    await server.stop();
    await double.stop();
  }
}

async function uploadPicture({ url }: Measured): Promise<string> {
  const picture = sharp({ create: { width: 160, height: 90, channels: 3, background: '#3366aa' } }).jpeg();
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(await picture.toBuffer())]), 'picture.jpg');
  const response = await fetch(`${url}/api/upload/image`, { method: 'POST', body: form });
  return ((await readJson(response)) as { image_path: string }).image_path;
}

async function click({ url }: Measured, workspaceId: string): Promise<void> {
  const response = await fetch(`${url}/api/generate/video`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ workspace_id: workspaceId }),
  });
  await readJson(response);
}

async function readJson(response: Response): Promise<unknown> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

function watch(socket: WebSocket, workspaceId: string): { seen: Told[]; end: Promise<Told> } {
  const seen: Told[] = [];
  const end = new Promise<Told>((resolve, reject) => {
    const read = (data: Buffer) => {
      const atMs = performance.timeOrigin + performance.now();
      const message = JSON.parse(data.toString()) as ServerMessages['video.status_update'];
      if (message.type !== 'video.status_update' || message.workspace_id !== workspaceId) return;
      seen.push({ ...message, atMs });
      if (message.video.status === 'generating') return;
      socket.off('message', read);
      if (message.video.status === 'completed') resolve(seen.at(-1)!);
      else reject(new Error(`a video failed: ${JSON.stringify(message.video.error)}`));
    };
    socket.on('message', read);
  });
  return { seen, end };
}

/** When the double was asked for each task, oldest first. */
async function pollsOf(double: StartedDouble): Promise<Map<string, number[]>> {
  const polls = new Map<string, number[]>();
  for (const { method, path, at } of await double.requests()) {
    const taskId = method === 'GET' && /^\/v1\/tasks\/(\w+)$/.exec(path)?.[1];
    if (!taskId) continue;
    polls.set(taskId, [...(polls.get(taskId) ?? []), Date.parse(at)]);
  }
  return polls;
}

const gapsWithin = (times: number[], fromMs: number, untilMs: number): number[] =>
  times.slice(1).flatMap((at, index) => (at >= fromMs && at < untilMs ? [at - times[index]!] : []));
