import { anyModel } from '../fixtures/models';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { WebSocket } from 'ws';
import { config } from '../../src/config';
import { emptyForm, idleVideo } from '../../src/contract/defaults';
import type { ErrorCode } from '../../src/contract/errors';
import type { ServerMessages } from '../../src/contract/messages';
import type { Video } from '../../src/contract/video';
import type { Job, JobState } from '../../src/db/job';
import { findWorkspace } from '../../src/db/find-workspaces';
import { Workspace, type StoredWorkspace } from '../../src/db/workspace';
import { activate, type ActiveAttempt } from '../../src/generation/attempt';
import { storeClaim } from '../../src/generation/clicks';
import { attemptIn } from '../../src/generation/store';
import type { Checked, Submitted, VideoProvider } from '../../src/services/provider';
import { videoErrorOf } from '../../src/services/provider-errors';
import { allVideoProviders } from '../../src/services/providers';
import type { AppError } from '../../src/utils/errors';
import { sockets } from '../../src/utils/push';
import { processId } from '../../src/utils/process-id';
import { film_id } from '../fixtures/workspaces';

export const hourMs = 3600 * 1000;
export const ago = (ms: number): Date => new Date(Date.now() - ms);

/** How an attempt lies in its workspace; whatever is not given is that of an attempt which the user waits for. */
export type Given = {
  provider?: string;
  state?: JobState;
  /** A newer click has taken its place: `job` and `video` are another attempt's. */
  isSuperseded?: boolean;
  /** The user cancelled it. */
  isCancelled?: boolean;
  /** The user chose a take since: `video` is that take. */
  isTakeChosen?: boolean;
  job?: Partial<Job>;
  workspace?: Partial<StoredWorkspace>;
};

export const situations = {
  plain: {},
  cancelled: { isCancelled: true },
  'a take was chosen': { isTakeChosen: true },
  superseded: { isSuperseded: true },
  'cancelled, superseded': { isCancelled: true, isSuperseded: true },
} satisfies Record<string, Given>;
export type Situation = keyof typeof situations;

let count = 0;

/** An id like no other, of which `resultOf` shows the name alone. */
export const idOf = (name: string): string => `${name}-${++count}`;
const nameOf = (id: string | null): string => (id ?? 'no').replace(/-\d+$/, '');

/** A job as it is stored, in a state that fits the rest of it. */
export function newJob({ provider = 'fake', state = 'queued', isCancelled, job }: Given = {}, name = 'mine'): Job {
  const isSent = state !== 'queued';
  const isAccepted = isSent && state !== 'submitting' && state !== 'in_doubt';
  return {
    attempt_id: idOf(name),
    provider,
    model: 'model-1',
    form_data: { ...emptyForm, prompt: 'A lamp turns.' },
    resolution: null,
    audio: false,
    cost: null,
    image_path: 'uploads/images/picture.png',
    end_image_path: null,
    from_attempt_id: null,
    from_s: null,
    state,
    task_id: isAccepted ? idOf('task') : null,
    prepared: null,
    submit_attempts: isSent ? 1 : 0,
    intent_at: ago(2000),
    sent_at: isSent ? ago(1000) : null,
    accepted_at: isAccepted ? ago(1000) : null,
    cancelled_at: isCancelled ? ago(500) : null,
    risk_accepted: false,
    step: idOf('step'),
    lease: { owner: processId, until: ago(-60_000), epoch: 1 },
    ...job,
  };
}

/** A finished video, as a take is. */
export const finishedVideo = (name: string): Video => ({
  ...idleVideo,
  attempt_id: idOf(name),
  status: 'completed',
  url: `/uploads/videos/${name}.mp4`,
  provider: 'fake',
  model: 'model-1',
  form_data: emptyForm,
  started_at: ago(hourMs).toISOString(),
  completed_at: ago(hourMs).toISOString(),
});

const said: Record<JobState, Partial<Video> | ErrorCode> = {
  queued: { phase: 'queued' },
  submitting: { phase: 'submitting' },
  polling: { phase: 'queued' },
  downloading: { phase: 'downloading' },
  timed_out: 'TIMEOUT',
  download_failed: 'DOWNLOAD_FAILED',
  in_doubt: 'SUBMIT_UNKNOWN',
};

/** The video of an attempt while its user waits for it, or once that user was told that it failed. */
export function videoOf({
  attempt_id,
  task_id,
  provider,
  model,
  form_data,
  state,
  cancelled_at,
  intent_at,
}: Job): Video {
  const video = { ...idleVideo, attempt_id, task_id, provider, model, form_data, started_at: intent_at.toISOString() };
  const says = cancelled_at ? 'CANCELLED' : said[state];
  if (typeof says !== 'string') return { ...video, status: 'generating', ...says };
  const isMade = state === 'downloading' || state === 'download_failed';
  const charged = isMade ? 'yes' : state === 'queued' ? 'no' : 'maybe';
  return {
    ...video,
    status: 'failed',
    error: videoErrorOf(says, provider, charged),
    completed_at: new Date().toISOString(),
  };
}

/** Stores a workspace with one attempt in it; returns the attempt as the loop takes it up. */
export async function newAttempt(given: Given = {}): Promise<ActiveAttempt> {
  const job = newJob(given);
  const newer = newJob({ provider: 'other', state: 'polling' }, 'newer');
  const places = given.isSuperseded
    ? { job: newer, superseded: [job], video: videoOf(newer) }
    : { job, superseded: [], video: given.isTakeChosen ? finishedVideo('chosen') : videoOf(job) };
  const { _id } = await newWorkspace({ ...places, ...given.workspace });
  return takeUp(String(_id), job.attempt_id);
}

/** Stores a workspace without a generation. */
export async function newWorkspace(fields: Partial<StoredWorkspace> = {}): Promise<StoredWorkspace> {
  const { form_data, image_path } = { ...newJob(), ...fields };
  const image_url = image_path && `/${image_path}`;
  const made = await Workspace.create({ film_id, order_index: 0, ...fields, form_data, image_path, image_url });
  return (await Workspace.findById(made._id).lean<StoredWorkspace>())!;
}

/** The attempt as it is stored now, and nothing remembered of it. */
export async function takeUp(workspaceId: string, attemptId: string): Promise<ActiveAttempt> {
  const stored = await Workspace.findById(workspaceId).lean<StoredWorkspace>();
  return activate(attemptIn(stored!, attemptId)!);
}

/** A new click on the workspace, which takes the place of what is there. */
export async function clickAnew(workspaceId: string): Promise<void> {
  const job = newJob({ provider: 'other' }, 'newer');
  const attempt = { workspaceId, job, video: videoOf(job), isSuperseded: false };
  await storeClaim(await findWorkspace(workspaceId), attempt, { acceptSecondCharge: true });
}

export type Attempted = { workspaceId: string; job: Job };

/** The whole stored workspace of an attempt. */
export const storedOf = async ({ workspaceId }: Attempted): Promise<StoredWorkspace> =>
  (await Workspace.findById(workspaceId).lean<StoredWorkspace>())!;

/** The job of an attempt as it is stored, wherever it lies. */
export const jobOf = async (attempt: Attempted): Promise<Job | undefined> =>
  attemptIn(await storedOf(attempt), attempt.job.attempt_id)?.job;

/** What is stored, in a few words: where the attempt stands, what the video of its workspace says, whose the takes are. */
export async function resultOf(attempt: Attempted) {
  const stored = await storedOf(attempt);
  const found = attemptIn(stored, attempt.job.attempt_id);
  const job = found ? `${found.isSuperseded ? 'superseded ' : ''}${found.job.state}` : 'ended';
  return { job, video: inWords(stored.video), takes: stored.takes.map(({ attempt_id }) => nameOf(attempt_id)) };
}

/** A video in words, such as `mine failed CANCELLED maybe`. */
export const inWords = ({ attempt_id, status, phase, error }: Video): string =>
  [nameOf(attempt_id), status, phase, error?.code, error?.charged].filter(Boolean).join(' ');

/** What a step returned, in words. */
export function nextIn(waitMs: number | null): string {
  if (waitMs === null) return 'end';
  if (waitMs === 0) return 'at once';
  return waitMs === config.VIDEO_RECHECK_INTERVAL_MS ? 'recheck' : 'later';
}

type Answer<Value> = Value | Error | (() => Value | Promise<Value>);
/** One answer after the other; the last one is repeated. */
type Answers<Value> = Answer<Value> | Answer<Value>[];

type Fake = Partial<Omit<VideoProvider, 'submit' | 'check' | 'cancel' | 'lookup' | 'prepare'>> & {
  deduplication?: VideoProvider['deduplication'];
  submit?: Answers<Submitted>;
  check?: Answers<Checked>;
  cancel?: Answers<'confirmed'>;
  lookup?: Answers<string | null>;
  prepare?: Answers<unknown>;
};

export type FakeProvider = VideoProvider & {
  calls: Record<'submit' | 'check' | 'cancel' | 'lookup' | 'prepare', number>;
  /** What the last create carried. */
  sent?: Parameters<VideoProvider['submit']>[0];
};

/** A third party that answers as it is told and counts what it is asked; of a name of its own, so that no gate is shared. */
export function fakeProvider({ deduplication = 'none', submit, check, cancel, lookup, prepare, ...more }: Fake = {}) {
  const provider: FakeProvider = {
    name: idOf('fake'),
    settings: { names: [], problems: [], missing: [] },
    models: [{ ...anyModel, id: 'model-1' }],
    default_model: 'model-1',
    deduplication,
    calls: { submit: 0, check: 0, cancel: 0, lookup: 0, prepare: 0 },
    submit: (job) => ((provider.sent = job), answer('submit', submit)),
    check: () => answer('check', check),
    ...(cancel !== undefined && { cancel: () => answer('cancel', cancel).then(() => undefined) }),
    ...(lookup !== undefined && { lookup: () => answer('lookup', lookup) }),
    ...(prepare !== undefined && { prepare: () => answer('prepare', prepare) }),
    ...more,
  };
  return provider;

  async function answer<Value>(call: keyof FakeProvider['calls'], answers?: Answers<Value>): Promise<Value> {
    if (answers === undefined) throw new Error(`this test does not expect a ${call}`);
    const list = Array.isArray(answers) ? answers : [answers];
    const next = list[Math.min(provider.calls[call]++, list.length - 1)]!;
    if (next instanceof Error) throw next;
    return typeof next === 'function' ? (next as () => Value | Promise<Value>)() : next;
  }
}

/** Puts a third party in the place of a real one, for code that finds its provider by name. */
export function plugIn(name: string, fake: FakeProvider): FakeProvider {
  const real = allVideoProviders().find((provider) => provider.name === name)!;
  const none = { image: undefined, prepare: undefined, cancel: undefined, lookup: undefined };
  Object.assign(real, none, fake, { name });
  return fake;
}

/** A finished task of a provider on this machine, whose file is there. */
export async function finishedTask(): Promise<Extract<Checked, { state: 'completed' }>> {
  const file = path.join(config.UPLOAD_DIR, 'tmp', idOf('made'));
  await mkdir(path.dirname(file), { recursive: true });
  await copyFile(path.resolve(__dirname, '../fixtures/clip.mp4'), file);
  return { state: 'completed', file };
}

/** A finished task whose file cannot be fetched now. */
export const lostTask: Checked = { state: 'completed', file: path.join(config.UPLOAD_DIR, 'tmp', 'not-there') };

/** What a promise is rejected with. */
export const rejectionOf = (promise: Promise<unknown>): Promise<AppError> =>
  promise.then(
    () => Promise.reject(new Error('nothing was thrown')),
    (error: unknown) => error as AppError,
  );

/** What the browsers are told of a workspace from now on, each video in words. */
export function listen({ workspaceId }: Attempted): string[] {
  const told: string[] = [];
  const send = (frame: Buffer) => {
    const { workspace_id, video, takes } = JSON.parse(String(frame)) as ServerMessages['video.status_update'];
    if (workspace_id === workspaceId) told.push(inWords(video) + (takes ? ', and the takes' : ''));
  };
  sockets.set({ readyState: WebSocket.OPEN, bufferedAmount: 0, send } as unknown as WebSocket, { filmId: film_id });
  return told;
}
