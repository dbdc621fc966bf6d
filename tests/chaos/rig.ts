import { setTimeout as delay } from 'node:timers/promises';
import type { FormData } from '../../src/contract/form';
import type { Video } from '../../src/contract/video';
import type { Workspace } from '../../src/contract/workspace';
import { startDouble, type SeenRequest, type StartedDouble } from '../doubles/start-double';
import { canaryKeys, click as clickAt, isFinal, uploadPicture } from '../helpers/generating';
import { vendors, type Vendor } from '../helpers/generating';
import { freshDatabase, startServer, type Answer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { startMessageProxy, type MessageProxy } from './message-proxy';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
type Frame = any;

/** One vendor with a server, a double and a way to the database of its own, so that stories of several vendors run side by side. */
export type Rig = {
  vendor: Vendor;
  double: StartedDouble;
  proxy: MessageProxy;
  /** The database itself, not the way through the proxy. */
  database: string;
  server: () => TestServer;
  socket: () => TestSocket;
  /** A new workspace; with `hasClip`, one whose first video is made. */
  newShot: (options?: { hasClip?: boolean }) => Promise<Shot>;
  /** kill -9, and the same server again. */
  crash: () => Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  end: () => Promise<number | null>;
  /** The server that was ended, on the same folders and database. */
  start: (settings?: Record<string, string>) => Promise<void>;
  /** SIGTERM, and the same server again; resolves with the exit code. */
  restart: (settings?: Record<string, string>) => Promise<number | null>;
  close: () => Promise<void>;
};

/** A workspace, as its user sees it, and what its user was told. */
export type Shot = {
  id: string;
  /** How many creates, and requests, the vendor had taken before it. */
  createsBefore: number;
  requestsBefore: number;
  /** Attempts that a click was told to pay for. */
  paid: Set<string>;
  /** Clicks, again under one request_id while the answer is "later"; `isFree` when it must only fetch what was paid. */
  click: (more?: { isFree?: boolean } & Record<string, unknown>) => Promise<Answer>;
  cancel: (more?: Record<string, unknown>) => Promise<Answer>;
  /** Chooses a take, again under one request_id while the answer is "later". */
  choose: (attemptId: string) => Promise<Frame>;
  edit: (form: Partial<FormData>) => Promise<Frame>;
  load: () => Promise<Workspace>;
  /** Waits until the stored workspace is so; fails after 15 s. */
  until: (isSo: (workspace: Workspace) => boolean, what: string) => Promise<Workspace>;
  /** Every video it was told to have, oldest first. */
  told: () => Video[];
};

const laterCodes = ['DATABASE_UNAVAILABLE', 'BUSY'];
const triesOfOneRequest = 100;
const betweenTriesMs = 50;
const lookEveryMs = 40;
/** How long a test waits for what must come; only a fault, or a machine with much else to do, needs so long. */
export const patienceMs = 15_000;

let count = 0;

/** Starts a rig; its intervals are short. */
export async function openRig(
  vendor: Vendor,
  settings: Record<string, string> = {},
  database = freshDatabase(),
): Promise<Rig> {
  const double = await startDouble(vendor);
  await double.set({ api_key: canaryKeys[vendor], queued_ms: 0, running_ms: 0 });
  const proxy = await startMessageProxy(database);
  let server = await startServer({
    MONGODB_URI: proxy.uri,
    VIDEO_PROVIDER: vendor,
    [`${vendor.toUpperCase()}_BASE_URL`]: double.url,
    [`${vendor.toUpperCase()}_API_KEY`]: canaryKeys[vendor],
    VIDEO_POLL_INTERVAL_MS: '50',
    VIDEO_RECHECK_INTERVAL_MS: '300',
    PROVIDER_REQUEST_TIMEOUT_MS: '800',
    // A program that makes no posters, since nobody looks at them here.
    FFMPEG_PATH: 'false',
    ...settings,
  });
  const frames: Frame[] = [];
  let socket = await listen();
  const imagePath = await uploadPicture(server);

  async function listen(): Promise<TestSocket> {
    const opened = await connect(server.wsUrl);
    frames.push(...opened.frames);
    opened.socket.on('message', (data) => frames.push(JSON.parse((data as Buffer).toString())));
    return opened;
  }

  async function start(more?: Record<string, string>): Promise<void> {
    server = await server.restart(more);
    socket = await listen();
  }

  async function newShot({ hasClip = false } = {}): Promise<Shot> {
    const before = [(await double.accepted()).length, (await double.requests()).length] as const;
    const form_data = { prompt: `The lamp of lighthouse ${++count} turns.` };
    const { workspace } = await untilTold(() =>
      socket.ask({ type: 'workspace.create', data: { image_path: imagePath, form_data } }),
    );
    const shot = shotOf(workspace._id, ...before);
    if (!hasClip) return shot;
    await shot.click();
    await shot.until(({ video }) => video.status === 'completed', 'the first clip');
    await shot.edit({ prompt: `Another light for ${shot.id}.` });
    return shot;
  }

  function shotOf(id: string, createsBefore: number, requestsBefore: number): Shot {
    const paid = new Set<string>();
    const loadShot = async () => {
      const { body } = await untilAnswered(() => server.get('/api/workspaces'));
      return (body.workspaces as Workspace[]).find(({ _id }) => _id === id)!;
    };
    const until: Shot['until'] = async (isSo, what) => {
      let workspace = await loadShot();
      const isThere = await soon(async () => isSo((workspace = await loadShot())));
      if (isThere) return workspace;
      throw new Error(`${what} did not come within 15 s: ${brief(workspace.video)}`);
    };
    return {
      id,
      createsBefore,
      requestsBefore,
      paid,
      async click({ isFree = false, ...more } = {}) {
        const request = { request_id: `click-${++count}`, ...more };
        const answer = await untilAnswered(() => clickAt(server, id, request));
        const attemptId = attemptOf(answer) ?? (await attemptInDoubt(answer));
        if (attemptId && !isFree) paid.add(attemptId);
        return answer;
      },
      cancel: (more = {}) => untilAnswered(() => server.post('/api/generate/cancel', { workspace_id: id, ...more })),
      choose: (attemptId) => {
        const request_id = `choose-${++count}`;
        return untilTold(() =>
          socket.ask({ type: 'workspace.choose_take', workspace_id: id, attempt_id: attemptId, request_id }),
        );
      },
      edit: (form_data) =>
        untilTold(() => socket.ask({ type: 'workspace.update', workspace_id: id, updates: { form_data } })),
      load: loadShot,
      until,
      told: () =>
        frames
          .filter(({ type, workspace_id }) => type === 'video.status_update' && workspace_id === id)
          .map(({ video }) => video as Video),
    };

    /** A click that ended in doubt was paid for as far as its user knows. */
    async function attemptInDoubt({ body }: Answer): Promise<string | null> {
      if (body?.error?.code !== 'SUBMIT_UNKNOWN') return null;
      const { video } = await loadShot();
      return video.error?.code === 'SUBMIT_UNKNOWN' ? video.attempt_id : `in doubt ${++count}`;
    }
  }

  return {
    vendor,
    double,
    proxy,
    database,
    server: () => server,
    socket: () => socket,
    newShot,
    async crash() {
      await server.kill();
      await start();
    },
    end: () => endProcess(server),
    start,
    async restart(more) {
      const code = await endProcess(server);
      await start(more);
      return code;
    },
    async close() {
      socket.close();
      proxy.clear();
      await server.kill();
      await double.stop();
      proxy.close();
    },
  };
}

/** SIGTERM; the folders stay, for the next start. */
function endProcess({ child }: TestServer): Promise<number | null> {
  child.kill('SIGTERM');
  return new Promise((resolve) => child.once('exit', resolve));
}

/** Asks again and again for what tells nobody when it comes; false when it did not come in time. */
export async function soon(isSo: () => Promise<boolean>, withinMs = patienceMs): Promise<boolean> {
  for (const giveUpAt = Date.now() + withinMs; ; await delay(lookEveryMs)) {
    if (await isSo().catch(() => false)) return true;
    if (Date.now() > giveUpAt) return false;
  }
}

/** A promise, or an error that says what did not come. */
export function within<Value>(ms: number, promise: Promise<Value>, what: string): Promise<Value> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A video in one line. */
export const brief = ({ status, phase, error, attempt_id, task_id }: Video): string =>
  [status, error?.code ?? phase, error && `charged ${error.charged}`, attempt_id?.slice(0, 8), task_id?.slice(0, 12)]
    .filter(Boolean)
    .join(' ');

async function untilAnswered(ask: () => Promise<Answer>): Promise<Answer> {
  // A server that was killed answers nobody until it is there again.
  const answerOf = () => ask().catch((): Answer => ({ status: 0, headers: new Headers(), body: {} }));
  const isOut = ({ status, body }: Answer) => status === 0 || isLater(body?.error?.code);
  let answer = await answerOf();
  for (let tries = 1; tries < triesOfOneRequest && isOut(answer); tries++) {
    await delay(betweenTriesMs);
    answer = await answerOf();
  }
  return answer;
}

async function untilTold(ask: () => Promise<Frame>): Promise<Frame> {
  let frame = await ask();
  for (let tries = 1; tries < triesOfOneRequest && isLater(frame.code); tries++) {
    await delay(betweenTriesMs);
    frame = await ask();
  }
  return frame;
}

const isLater = (code: unknown): boolean => laterCodes.includes(code as string);

const attemptOf = ({ status, body }: Answer): string | null => (status === 202 ? body.video.attempt_id : null);

// ---- the judge

export type Allowed = {
  /** How many tasks nobody can know of, since their vendor tells nobody and the user was warned. */
  unknowable?: number;
  /** How many creates there may be at most, whatever was clicked. */
  creates?: number;
};

/** Waits until a shot has come to rest, then says what was lost or paid twice; an empty list when all is well. */
export async function judge(rig: Rig, shot: Shot, allowed: Allowed = {}): Promise<string[]> {
  const { unknowable = 0, creates: most = Infinity } = allowed;
  await soon(async () => isFinal((await shot.load()).video) && (await missingTasks(rig, shot)).length <= unknowable);
  const faults: string[] = [];
  const { video, takes } = await shot.load();
  if (!isFinal(video)) faults.push(`has no end: ${brief(video)}`);

  const creates = await createsOf(rig, shot);
  if (creates > most) faults.push(`${creates} creates where ${most} may be`);
  if (creates > shot.paid.size) faults.push(`${creates} creates for ${shot.paid.size} clicks that were told to pay`);

  const clips = [video, ...takes].filter(({ status }) => status === 'completed');
  const completed = shot.told().filter(({ status }) => status === 'completed');
  for (const attemptId of new Set(completed.map(({ attempt_id }) => attempt_id))) {
    if (!clips.some(({ attempt_id }) => attempt_id === attemptId)) faults.push(`the clip of ${attemptId} is gone`);
  }
  for (const { url, attempt_id } of clips) {
    if ((await rig.server().get(url!)).status !== 200) faults.push(`the file of ${attempt_id} is not served`);
  }
  const missing = await missingTasks(rig, shot);
  if (missing.length > unknowable) faults.push(`paid and not delivered: ${missing.join(', ')}; ${brief(video)}`);
  if ((await deletesOfFinished(rig, shot)).length > 0) faults.push('a finished, paid task was deleted at the vendor');
  return faults;
}

/** Tasks of a shot that run or are made at the vendor, and are neither its video nor a take. */
export async function missingTasks({ double }: Rig, shot: Shot): Promise<string[]> {
  const [accepted, tasks, { video, takes }] = await Promise.all([double.accepted(), double.tasks(), shot.load()]);
  const mine = accepted.slice(shot.createsBefore).map(({ task_id }) => task_id);
  const delivered = [video, ...takes].filter(({ status }) => status === 'completed').map(({ task_id }) => task_id);
  return tasks
    .filter(({ phase }) => phase !== 'failed' && phase !== 'cancelled')
    .map(({ task_id }) => task_id)
    .filter((id) => mine.includes(id) && !delivered.includes(id));
}

/** How many creates the vendor has taken for a shot. */
export const createsOf = async ({ double }: Rig, { createsBefore }: Shot): Promise<number> =>
  (await double.accepted()).length - createsBefore;

/** The requests for a shot that begin so; those of the shots before it do not count. */
export async function requestsOf({ double }: Rig, { requestsBefore }: Shot, match: string): Promise<SeenRequest[]> {
  const requests = (await double.requests()).slice(requestsBefore);
  return requests.filter(({ method, path }) => `${method} ${path}`.startsWith(match));
}

/** Cancellations that reached the vendor when the task was made, and paid, already. */
const deletesOfFinished = async (rig: Rig, shot: Shot): Promise<SeenRequest[]> =>
  (await requestsOf(rig, shot, 'DELETE')).filter(({ task_phase }) => task_phase === 'completed');

// ---- the three vendors side by side

export type Rigs = Record<Vendor, Rig>;

export async function openRigs(settings: Record<string, string> = {}): Promise<Rigs> {
  const opened = await Promise.all(vendors.map((vendor) => openRig(vendor, settings)));
  return Object.fromEntries(opened.map((rig) => [rig.vendor, rig])) as Rigs;
}

export const closeRigs = (rigs: Rigs): Promise<unknown> => Promise.all(Object.values(rigs).map((rig) => rig.close()));

/** Tells one story at each vendor; with the name of the vendor where one of them fails. */
export async function atEach(rigs: Rigs, tell: (rig: Rig) => Promise<void>): Promise<void> {
  const told = Object.values(rigs).map((rig) =>
    tell(rig).catch((error: unknown) => {
      throw error instanceof Error ? Object.assign(error, { message: `${rig.vendor}: ${error.message}` }) : error;
    }),
  );
  await Promise.allSettled(told);
  await Promise.all(told);
}

/** A cell that was tried, and what was wrong with it. */
export type Judged<Cell> = Cell & { faults: string[] };

/** What a campaign of cells takes and gives. */
export type CellOptions<Cell> = { rounds?: number; cells?: Cell[]; rigs?: Rigs; print?: (line: string) => void };
export type CellResult = { campaign: string; ok: boolean; cells: number; wrong: number; seconds: number };

export type CellCampaign<Cell> = {
  name: string;
  allCells: Cell[];
  settings: Record<string, string>;
  /** What was wrong, in words; nothing where all is right. */
  runCell: (rig: Rig, cell: Cell) => Promise<string[]>;
  describe: (cell: Cell) => string;
};

/** Runs every cell of a campaign, the vendors side by side. */
export async function runCells<Cell extends { vendor: Vendor }>(
  { name, allCells, settings, runCell, describe }: CellCampaign<Cell>,
  { rounds = 1, cells: chosen = allCells, rigs: given, print = console.log }: CellOptions<Cell> = {},
): Promise<{ result: CellResult; all: Judged<Cell>[] }> {
  const cells = Array.from({ length: rounds }, () => chosen).flat();
  const startedAt = performance.now();
  const rigs = given ?? (await openRigs(settings));
  const runVendor = async (rig: Rig) => {
    const judged: Judged<Cell>[] = [];
    for (const cell of cells.filter(({ vendor }) => vendor === rig.vendor)) {
      const faults = await runCell(rig, cell).catch((error: unknown) => [String(error)]);
      judged.push({ ...cell, faults });
      print(`${name}: ${describe(cell)}: ${faults.join('; ') || 'right'}`);
    }
    return judged;
  };
  try {
    const all = (await Promise.all(Object.values(rigs).map(runVendor))).flat();
    const wrong = all.filter(({ faults }) => faults.length > 0).length;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    return { result: { campaign: name, ok: wrong === 0, cells: all.length, wrong, seconds }, all };
  } finally {
    if (!given) await closeRigs(rigs);
  }
}

/** Puts proxies and doubles back to the beginning. */
export const resetRigs = (rigs: Rigs): Promise<unknown> =>
  atEach(rigs, async ({ vendor, double, proxy }) => {
    proxy.clear();
    await double.reset();
    await double.set({ api_key: canaryKeys[vendor], queued_ms: 0, running_ms: 0 });
  });
