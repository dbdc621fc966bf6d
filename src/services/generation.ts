import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { trusted } from 'mongoose';
import { config } from '../config';
import {
  formKeys,
  idleVideo,
  type ErrorCode,
  type FormData,
  type ServerMessage,
  type Video,
  type VideoError,
} from '../contract';
import { findWorkspace, notApplied, processId, toJson, toSet, Workspace } from '../db/mongodb';
import type { Job, StoredWorkspace } from '../db/mongodb';
import type { Checked, Submitted, VideoJob, VideoProvider } from '../utils/define';
import { AppError, toAppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { createLimit, createQueues } from '../utils/queue';
import { forgetAccepted, noteAccepted, readAccepted } from './accepted-journal';
import * as store from './attempt-store';
import type { Attempt } from './attempt-store';
import { adoptVideo, fetchVideo, hasVideo, imageFile, makePoster, videoUrl } from './media';
import { providerTitle, videoErrorOf } from './outcomes';
import { videoProvider } from './providers';

const answerWithinMs = 30_000;
const recheckForMs = 24 * 3600 * 1000;
const claimRaces = 5;
const repeatsOfOneCreate = 5;
const lookupsOfOneCreate = 3;
const refusalsInARow = 5;
const badRepliesInARow = 10;
const downloadTries = 3;
const pollsInFlight = 20;
const longestBackoffMs = 30_000;
const cancelWaitMs = 3000;
const answersKept = 1000;
const minProgressStep = 0.01;

export type Click = { workspaceId: string; provider?: string; requestId?: string; acceptSecondCharge: boolean };
export type Clicked = { workspace_id: string; task_id: string | null; video: Video };

/** How the sending of an attempt ended, for the click that waits for it. */
type Sending = 'accepted' | 'waiting' | 'ended';

/** An attempt of this process, with what need not be stored. */
type Followed = Attempt & {
  isLate: boolean;
  stop: AbortController;
  /** Told once, when the first sending has an outcome. */
  sending: { promise: Promise<Sending>; tell: (outcome: Sending) => void };
  isSending: boolean;
  refusals: number;
  lookups: number;
  badReplies: number;
  failedPolls: number;
};

const followed = new Map<string, Followed>();
const submits = new Set<Promise<void>>();
const answers = new Map<string, Promise<Clicked>>();
/** Until when a provider asked us to stay away, for all its tasks. */
const quietUntil = new Map<string, number>();
/** Providers that refuse our key; their jobs wait. */
const refusedKeys = new Set<string>();
const unknownWords = new Set<string>();
const inOrder = createQueues();
const polling = createLimit(pollsInFlight);
let leaseTimer: NodeJS.Timeout | undefined;
let isStopping = false;

// ---- the click

/**
 * Starts one paid generation: 202 once the provider accepted, at once when the job must wait for its turn, or after 30 s.
 * The same request_id again gets the first answer, even while that is still out.
 */
export function requestVideo(click: Click): Promise<Clicked> {
  if (!click.requestId) return startVideo(click, () => undefined);
  const key = `${click.workspaceId} ${click.requestId}`;
  const first = answers.get(key);
  if (first) return first;

  let isClaimed = false;
  const answer = startVideo(click, () => (isClaimed = true));
  answers.set(key, answer);
  if (answers.size > answersKept) answers.delete(answers.keys().next().value!);
  // A click that started nothing may be made again under its request_id.
  answer.catch(() => isClaimed || answers.delete(key));
  return answer;
}

async function startVideo(click: Click, onClaim: () => void): Promise<Clicked> {
  for (let race = 0; race < claimRaces; race++) {
    const workspace = await findWorkspace(click.workspaceId);
    const earlier = click.requestId && workspace.clicks.find(({ request_id }) => request_id === click.requestId);
    if (earlier) return answerAgain(workspace, earlier.attempt_id);

    const attempt = await newAttempt(workspace, click);
    const claimed = await store.storeClaim(workspace, attempt, click.requestId);
    if (!claimed) continue;
    onClaim();
    logger.info('video requested', logged(claimed));
    if (workspace.job && workspace.job.attempt_id !== claimed.job.attempt_id)
      followLate({ ...claimed, job: workspace.job });
    return answerClick(follow(claimed));
  }
  throw new AppError('BUSY', 'The workspace is being edited at this moment; try again.');
}

async function answerClick(attempt: Followed): Promise<Clicked> {
  const isFetching = attempt.job.state === 'fetching';
  const outcome = isFetching
    ? 'accepted'
    : await Promise.race([attempt.sending.promise, sleep(answerWithinMs, 'waiting', { ref: false })]);
  const { error } = attempt.video;
  if (outcome === 'ended' && error && error.code !== 'CANCELLED') throw new AppError(error.code, error.message);
  return toClicked(attempt.workspaceId, attempt.video);
}

function answerAgain({ _id, video, takes }: StoredWorkspace, attemptId: string): Clicked {
  const mine = [video, ...takes].find((candidate) => candidate.attempt_id === attemptId) ?? video;
  const wasRefused = mine.error && mine.task_id === null && mine.error.code !== 'CANCELLED';
  if (wasRefused) throw new AppError(mine.error!.code, mine.error!.message);
  return toClicked(String(_id), mine);
}

const toClicked = (workspaceId: string, video: Video): Clicked =>
  toJson({ workspace_id: workspaceId, task_id: video.task_id, video });

/** Checks everything that can be known before anything is paid, and freezes the request. */
async function newAttempt(workspace: StoredWorkspace, click: Click): Promise<Attempt> {
  const provider = videoProvider(click.provider);
  const { video, job, form_data: form, image_path: imagePath } = workspace;
  if (video.status === 'generating') {
    throw new AppError('VIDEO_IN_PROGRESS', 'This workspace is generating a video already; wait for it or cancel it.');
  }
  if (job?.state === 'undelivered' && isSameRequest(job, workspace, click)) return fetchAgain(workspace, job);
  if (!imagePath || !(await isThere(imageFile(imagePath)))) {
    throw new AppError('IMAGE_MISSING', 'This workspace has no picture; upload one and set image_path, then generate.');
  }
  if (video.error?.code === 'SUBMIT_UNKNOWN' && !click.acceptSecondCharge) {
    const message =
      'The last generation may have been charged; look into your account, then send accept_second_charge: true.';
    throw new AppError('SECOND_CHARGE_POSSIBLE', message);
  }
  refuseImpossible(form, provider);

  const now = new Date();
  const attemptId = randomUUID();
  const common = {
    attempt_id: attemptId,
    provider: provider.name,
    model: provider.model,
    form_data: form,
    task_id: null,
  };
  return {
    workspaceId: String(workspace._id),
    video: {
      ...idleVideo,
      ...common,
      status: 'generating',
      phase: (await isTurnFree()) ? 'submitting' : 'queued',
      started_at: now.toISOString(),
    },
    job: {
      ...common,
      image_path: imagePath,
      state: 'waiting',
      prepared: null,
      sends: 0,
      intent_at: now,
      sent_at: null,
      accepted_at: null,
      lease: { owner: processId, until: new Date(now.getTime() + store.leaseMs), epoch: 1 },
    },
  };
}

const isSameRequest = (job: Job, { form_data, image_path }: StoredWorkspace, { provider }: Click): boolean =>
  job.image_path === image_path &&
  (provider === undefined || provider === job.provider) &&
  isDeepStrictEqual(job.form_data, form_data);

/** The video is made and paid: a new click only fetches its file. */
function fetchAgain(workspace: StoredWorkspace, job: Job): Attempt {
  return {
    workspaceId: String(workspace._id),
    video: { ...workspace.video, status: 'generating', phase: 'downloading', error: null, completed_at: null },
    job: { ...job, state: 'fetching', lease: { ...job.lease, owner: processId, epoch: job.lease.epoch + 1 } },
  };
}

function refuseImpossible(form: FormData, { name, capabilities }: VideoProvider): void {
  const { durations_s: durations, aspect_ratios: ratios, prompt_max: promptMax } = capabilities;
  const title = providerTitle(name);
  const refuse = (field: string, message: string) => {
    const details = [{ path: `form_data.${field}`, message }];
    throw new AppError('INVALID_INPUT', `${title} cannot make this video: ${field} ${message}.`, { details });
  };
  if (!durations.includes(form.duration_s)) refuse('duration_s', `must be one of ${durations.join(', ')}`);
  if (!ratios.includes(form.aspect_ratio)) refuse('aspect_ratio', `must be one of ${ratios.join(', ')}`);
  if (form.prompt.length > promptMax) refuse('prompt', `must be at most ${promptMax} characters`);
  const hasWords = [form.prompt, form.camera_movement, form.shot_size, form.lighting].some(
    (value) => value.trim() !== '',
  );
  if (capabilities.prompt_required && !hasWords) refuse('prompt', 'must not be empty');
}

// ---- cancel, delete and takes

/** Ends the running generation as CANCELLED and tells the provider where its API can cancel; NOT_GENERATING when none runs. */
export async function cancelVideo(workspaceId: string): Promise<{ workspace_id: string; video: Video }> {
  for (let race = 0; race < claimRaces; race++) {
    const { video, job } = await findWorkspace(workspaceId);
    if (video.status !== 'generating' || !job) {
      throw new AppError('NOT_GENERATING', 'This workspace is not generating a video, so there is nothing to cancel.');
    }
    const attempt = { workspaceId, video, job };
    if (!(await store.storeStep(attempt, { video: cancelled(job), job: null, only: { 'job.state': job.state } })))
      continue;
    logger.info('video cancelled', logged(attempt));
    forget(job.attempt_id);
    if (job.task_id)
      await Promise.race([cancelTask(job.provider, job.task_id), sleep(cancelWaitMs, undefined, { ref: false })]);
    return toJson({ workspace_id: workspaceId, video: attempt.video });
  }
  throw new AppError('BUSY', 'The generation changes at this moment; try again.');
}

function cancelled(job: Job): Partial<Video> {
  const isFree = job.state === 'waiting' || job.provider === 'local';
  const charged = isFree ? 'no' : job.state === 'fetching' ? 'yes' : 'maybe';
  return failure('CANCELLED', job.provider, charged);
}

async function cancelTask(providerName: string, taskId: string): Promise<void> {
  try {
    const provider = videoProvider(providerName);
    await provider.cancel?.(taskId, AbortSignal.timeout(config.PROVIDER_REQUEST_TIMEOUT_MS));
  } catch (error) {
    logger.warn('provider did not take the cancellation', { provider: providerName, task_id: taskId, error });
  }
}

/** Ends a generation that was not sent, of a workspace that went to the trash; a paid one is followed to its end there. */
export async function dropUnsentJob(workspaceId: string): Promise<void> {
  const inTrash = { _id: workspaceId, deleted_at: trusted({ $ne: null }), 'job.state': 'waiting' } as const;
  const stored = await Workspace.findOne(inTrash).lean<StoredWorkspace>();
  if (!stored?.job) return;
  const attempt = { workspaceId, video: stored.video, job: stored.job };
  const isDropped = await store.storeStep(attempt, {
    video: cancelled(stored.job),
    job: null,
    only: { 'job.state': 'waiting' },
  });
  if (isDropped) forget(stored.job.attempt_id);
}

/** Makes a take the video, once for each request; `told` is null when that was done before. */
export async function chooseTake(workspaceId: string, attemptId: string, applied?: string) {
  for (let race = 0; race < claimRaces; race++) {
    const read = await findWorkspace(workspaceId);
    const { version, updated_at, video, takes } = read;
    const isDone = (applied && read.applied.includes(applied)) || video.attempt_id === attemptId;
    if (isDone) return { version, updated_at, told: null };
    if (video.status === 'generating') {
      throw new AppError(
        'VIDEO_IN_PROGRESS',
        'A video is being generated here; wait for it or cancel it, then choose a take.',
      );
    }
    const index = takes.findIndex((take) => take.attempt_id === attemptId);
    if (index < 0)
      throw new AppError('NOT_FOUND', 'This workspace has no take with this attempt_id; load the list again.');

    const others = takes.toSpliced(index, 1, ...(video.status === 'completed' ? [video] : []));
    const late = read.job ? [...read.late, read.job] : read.late;
    const stored = await Workspace.findOneAndUpdate(
      { _id: workspaceId, deleted_at: null, version, ...notApplied(applied) },
      toSet({ video: takes[index], takes: others, late, job: null }, applied),
      { returnDocument: 'after' },
    ).lean<StoredWorkspace>();
    if (!stored) continue;
    if (read.job) followLate({ workspaceId, video, job: read.job });
    const told: ServerMessage = store.statusUpdate(stored, true);
    return { version: stored.version, updated_at: stored.updated_at, told };
  }
  throw new AppError('BUSY', 'The workspace is being edited at this moment; try again.');
}

// ---- start and stop

/** Picks up every job that is not finished, whatever the default provider is now, and keeps doing so. */
export async function startEngine(): Promise<void> {
  for (const task of await readAccepted()) await settleAccepted(task.workspace_id, task.attempt_id, task.task_id);
  for (const attempt of await store.findLate()) followLate(attempt);
  await takeJobs();
  leaseTimer = setInterval(() => void takeJobs(), store.leaseMs / 3);
}

/** Waits for running submits, since they are paid; stops everything else where it is, to be picked up at the next start. */
export async function stopEngine(): Promise<void> {
  isStopping = true;
  clearInterval(leaseTimer);
  for (const { stop } of followed.values()) stop.abort();
  await Promise.allSettled(submits);
  store.stopPersisting();
  await store.releaseLeases().catch((error: unknown) => logger.warn('leases not released', { error }));
}

/** Which providers are waited for, in words for `/health`. */
export const providerWarnings = (): string[] =>
  [...refusedKeys].map(
    (name) => `${name} refuses the API key: its jobs wait; check the key in .env and restart the server`,
  );

async function takeJobs(): Promise<void> {
  try {
    const before = new Map(followed);
    const mine = await store.claimLeases();
    if (isStopping) return;
    const ids = new Set(mine.map(({ job }) => job.attempt_id));
    for (const [id, { isLate, isSending }] of before) if (!ids.has(id) && !isLate && !isSending) forget(id);
    // What was followed before and is not now has ended while the leases were being read.
    for (const attempt of mine) {
      const id = attempt.job.attempt_id;
      if (!followed.has(id) && !before.has(id)) follow(attempt);
    }
  } catch (error) {
    logger.warn('leases not renewed', { error });
  }
}

// ---- the life of an attempt

function follow(attempt: Attempt, isLate = false): Followed {
  forget(attempt.job.attempt_id);
  const started: Followed = {
    ...attempt,
    isLate,
    stop: new AbortController(),
    sending: createSignal(),
    isSending: false,
    refusals: 0,
    lookups: 0,
    badReplies: 0,
    failedPolls: 0,
  };
  followed.set(attempt.job.attempt_id, started);
  void live(started);
  return started;
}

function followLate(attempt: Attempt): void {
  if (attempt.job.task_id) follow(attempt, true);
}

function forget(attemptId: string): void {
  const attempt = followed.get(attemptId);
  if (!attempt) return;
  followed.delete(attemptId);
  attempt.stop.abort();
  attempt.sending.tell('ended');
}

/** One step after the other, until the attempt has come to its end or is no longer ours. */
async function live(attempt: Followed): Promise<void> {
  try {
    while (!attempt.stop.signal.aborted) {
      const waitMs = await nextStep(attempt);
      if (waitMs === null) break;
      await sleep(waitMs, undefined, { signal: attempt.stop.signal });
    }
  } catch (error) {
    if (!attempt.stop.signal.aborted) logger.error('job stopped by an error', { ...logged(attempt), error });
  }
  // Left to the next round of `takeJobs` where it still is to be followed.
  if (followed.get(attempt.job.attempt_id) === attempt) forget(attempt.job.attempt_id);
}

/** Does what the stored state asks for; returns the time to the next step, null at the end. */
async function nextStep(attempt: Followed): Promise<number | null> {
  switch (attempt.job.state) {
    case 'waiting':
      return takeTurn(attempt);
    case 'sent':
      return reconcile(attempt);
    case 'following':
      return poll(attempt);
    case 'fetching':
      return deliver(attempt);
    case 'overdue':
    case 'undelivered':
      return recheck(attempt);
    case 'unclear':
      return null;
  }
}

// ---- sending

const isTurnFree = async (): Promise<boolean> => (await countTaken()) < config.VIDEO_MAX_CONCURRENT;

/** Running tasks, and those of this process that are on their way out. */
async function countTaken(): Promise<number> {
  const leaving = [...followed.values()].filter(({ isSending, job }) => isSending && job.state === 'waiting').length;
  return leaving + (await store.countRunning());
}

/** Sends the attempt when it is the oldest that waits and a place is free. */
async function takeTurn(attempt: Followed): Promise<number | null> {
  const quietMs = quietFor(attempt.job.provider);
  if (quietMs > 0) {
    attempt.sending.tell('waiting');
    return quietMs;
  }
  const isMine = await inOrder(['turn'], async () => {
    if (firstWaiting() !== attempt || !(await isTurnFree())) return false;
    attempt.isSending = true;
    return true;
  });
  if (!isMine) {
    attempt.sending.tell('waiting');
    return turnCheckMs;
  }
  return send(attempt);
}

const turnCheckMs = Math.min(config.VIDEO_POLL_INTERVAL_MS, 1000);

function firstWaiting(): Followed | undefined {
  return [...followed.values()]
    .filter(({ job, isSending }) => job.state === 'waiting' && !isSending && quietFor(job.provider) === 0)
    .sort((a, b) => a.job.intent_at.getTime() - b.job.intent_at.getTime())[0];
}

/** Runs one submit that a stop waits for. */
async function send(attempt: Followed): Promise<number | null> {
  attempt.isSending = true;
  const sending = submit(attempt);
  const watched = sending.then(() => undefined);
  submits.add(watched);
  try {
    return await sending;
  } finally {
    submits.delete(watched);
    attempt.isSending = false;
  }
}

async function submit(attempt: Followed): Promise<number | null> {
  const provider = readyProvider(attempt);
  if (!provider) return longestBackoffMs;
  const signal = new AbortController().signal;

  const job = await prepare(attempt, provider, signal);
  if ('state' in job) return job.state === 'refused' ? refused(attempt, job) : notAccepted(attempt, job);

  const { state, sends } = attempt.job;
  const isFirst = state === 'waiting';
  const isStored = await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'submitting' && { video: { phase: 'submitting' } }),
    job: { state: 'sent', sent_at: new Date(), sends: sends + 1, prepared: JSON.stringify(job.prepared ?? null) },
    only: { 'job.state': state, ...(isFirst && { deleted_at: null }) },
  });
  if (!isStored) {
    if (isFirst) await dropUnsentJob(attempt.workspaceId);
    return lost(attempt);
  }

  const answer = await askToSubmit(attempt, provider, job, signal);
  switch (answer.state) {
    case 'accepted':
      return accepted(attempt, answer.taskId);
    case 'refused':
      return refused(attempt, answer);
    case 'not_accepted':
      return notAccepted(attempt, answer);
    case 'unknown':
      return reconcile(attempt);
  }
}

/** Everything that costs nothing: the picture in the provider's shape, an upload. A fault here is known to be unpaid. */
async function prepare(attempt: Followed, provider: VideoProvider, signal: AbortSignal): Promise<VideoJob | Refusal> {
  const { attempt_id, model, form_data, image_path, prepared } = attempt.job;
  const job: VideoJob = {
    attempt_id,
    model,
    form_data,
    imageFile: imageFile(image_path),
    picture: Buffer.alloc(0),
    prepared: prepared === null ? undefined : JSON.parse(prepared),
  };
  try {
    const withPicture = { ...job, picture: (await provider.picture?.(job)) ?? job.picture };
    if (prepared !== null || !provider.prepare) return withPicture;
    return { ...withPicture, prepared: await provider.prepare(withPicture, signal) };
  } catch (thrown) {
    const error =
      thrown instanceof AppError
        ? thrown
        : new AppError('IMAGE_UNREADABLE', 'The picture cannot be read.', { cause: thrown });
    logger.warn('attempt not prepared', { ...logged(attempt), error });
    const isPassing = passingCodes.includes(error.code);
    return {
      state: isPassing ? 'not_accepted' : 'refused',
      code: error.code,
      reason: error.message,
      retryAfterMs: error.retryAfterMs,
    };
  }
}

type Refusal = Exclude<Submitted, { state: 'accepted' }>;
const passingCodes: ErrorCode[] = [
  'PROVIDER_RATE_LIMITED',
  'PROVIDER_FAILED',
  'PROVIDER_TIMEOUT',
  'PROVIDER_BAD_REPLY',
];

/** One request. Whatever is thrown after a byte has left means that nobody knows. */
async function askToSubmit(attempt: Followed, provider: VideoProvider, job: VideoJob, signal: AbortSignal) {
  try {
    return await provider.submit(job, signal);
  } catch (thrown) {
    const error = toAppError(thrown);
    logger.warn('submit without an answer', { ...logged(attempt), unsent: error.unsent, error: thrown });
    if (error.unsent) return { state: 'not_accepted', code: 'PROVIDER_FAILED', reason: error.message } as const;
    return { state: 'unknown' } as const;
  }
}

async function accepted(attempt: Followed, taskId: string): Promise<number | null> {
  const { workspaceId, job } = attempt;
  try {
    await noteAccepted({ workspace_id: workspaceId, attempt_id: job.attempt_id, task_id: taskId });
  } catch (error) {
    logger.error('accepted task not written to the journal', { ...logged(attempt), task_id: taskId, error });
  }
  const stored = await settleAccepted(workspaceId, job.attempt_id, taskId, attempt);
  attempt.sending.tell(stored ? 'accepted' : 'ended');
  return stored ? config.VIDEO_POLL_INTERVAL_MS : null;
}

/** Stores an accepted task; one that nobody wants any more is cancelled at the provider. */
async function settleAccepted(
  workspaceId: string,
  attemptId: string,
  taskId: string,
  attempt?: Followed,
): Promise<boolean> {
  const stored = await store.storeAccepted(workspaceId, attemptId, taskId);
  await forgetAccepted(attemptId);
  if (stored === 'late') {
    if (attempt) Object.assign(attempt, { isLate: true, job: { ...attempt.job, state: 'overdue', task_id: taskId } });
    return true;
  }
  if (stored) {
    if (attempt) Object.assign(attempt, stored);
    logger.info('video accepted', logged(stored));
    return true;
  }
  logger.warn('accepted task is not wanted any more', {
    workspace_id: workspaceId,
    attempt_id: attemptId,
    task_id: taskId,
  });
  if (attempt) await cancelTask(attempt.job.provider, taskId);
  return false;
}

async function refused(attempt: Followed, { code, reason, ...rest }: Refusal): Promise<null> {
  logger.warn('video refused', { ...logged(attempt), code, reason });
  const charged = ('charged' in rest && rest.charged) || 'no';
  return end(attempt, failure(code, attempt.job.provider, charged));
}

/** Certainly not taken: back into the queue, unless the provider goes on refusing while nothing of ours runs there. */
async function notAccepted(attempt: Followed, refusal: Refusal): Promise<number | null> {
  const { provider } = attempt.job;
  const backoffMs = backoff(attempt.refusals, config.VIDEO_POLL_INTERVAL_MS);
  const waitMs = ('retryAfterMs' in refusal && refusal.retryAfterMs) || backoffMs;
  const isOthersTurn = [...followed.values()].some(
    (other) => other.job.provider === provider && other.job.state === 'following',
  );
  if (!isOthersTurn) attempt.refusals++;
  if (attempt.refusals >= refusalsInARow) return refused(attempt, refusal);

  logger.info('video not accepted yet', {
    ...logged(attempt),
    code: refusal.code,
    reason: refusal.reason,
    wait_ms: waitMs,
  });
  const isStored = await store.storeStep(attempt, {
    ...(attempt.video.phase !== 'queued' && { video: { phase: 'queued' } }),
    job: { state: 'waiting', sent_at: null },
  });
  if (!isStored) return lost(attempt);
  stayAway(provider, waitMs);
  attempt.sending.tell('waiting');
  return waitMs;
}

/** The answer to a paid request was lost: ask for it, repeat it where a repetition is recognised, or say that nobody knows. */
async function reconcile(attempt: Followed): Promise<number | null> {
  const provider = readyProvider(attempt);
  if (!provider) return longestBackoffMs;
  const { deduplication } = provider.capabilities;
  const { sends, attempt_id: attemptId } = attempt.job;

  if (deduplication === 'key' && sends < repeatsOfOneCreate) {
    await sleep(backoff(sends - 1, config.VIDEO_POLL_INTERVAL_MS), undefined, { signal: attempt.stop.signal });
    return send(attempt);
  }
  if (deduplication === 'lookup' && provider.lookup) {
    const taskId = await lookUp(attempt, provider);
    if (taskId) return accepted(attempt, taskId);
    if (attempt.lookups < lookupsOfOneCreate) return lookupWaitMs;
    // The provider has never heard of it and refuses a second create of the same id, so this one cannot pay twice.
    attempt.lookups = 0;
    if (sends < repeatsAfterLookup) return send(attempt);
  }

  logger.error('nobody knows whether this video was accepted', logged(attempt));
  const isStored = await store.storeStep(attempt, {
    video: failure('SUBMIT_UNKNOWN', attempt.job.provider, 'maybe'),
    job: { state: 'unclear' },
    only: { 'job.attempt_id': attemptId },
  });
  attempt.sending.tell('ended');
  return isStored ? null : lost(attempt);
}

const repeatsAfterLookup = 2;
const lookupWaitMs = Math.min(20_000, 4 * config.VIDEO_POLL_INTERVAL_MS);

async function lookUp(attempt: Followed, provider: VideoProvider): Promise<string | null> {
  try {
    const taskId = await provider.lookup!(attempt.job.attempt_id, attempt.stop.signal);
    if (!taskId) attempt.lookups++;
    return taskId;
  } catch (error) {
    // Not an answer: asked again, until the time of a generation is over.
    const sinceMs = Date.now() - (attempt.job.sent_at?.getTime() ?? 0);
    if (sinceMs > config.VIDEO_TIMEOUT_MS) attempt.lookups = lookupsOfOneCreate;
    logger.warn('lost task not looked up', { ...logged(attempt), error });
    return null;
  }
}

// ---- following

async function poll(attempt: Followed): Promise<number | null> {
  const checked = await ask(attempt);
  if (checked === null) return isOverdue(attempt) ? overdue(attempt) : pauseAfterFailure(attempt);
  if (checked === 'paused') return quietFor(attempt.job.provider) || longestBackoffMs;

  switch (checked.state) {
    case 'queued':
    case 'running':
      if (!(await storeProgress(attempt, checked))) return lost(attempt);
      return isOverdue(attempt) ? overdue(attempt) : nextPollMs();
    case 'completed':
      return deliver(attempt, checked);
    case 'failed':
      logger.warn('video failed', {
        ...logged(attempt),
        code: checked.code,
        reason: checked.reason,
        charged: checked.charged,
      });
      return end(attempt, failure(checked.code, attempt.job.provider, checked.charged));
  }
}

const nextPollMs = () => config.VIDEO_POLL_INTERVAL_MS * (1 + Math.random() * 0.2);

/** The provider's answer about the task; null when it could not be asked, 'paused' while its jobs must wait. */
async function ask(attempt: Followed): Promise<Checked | 'paused' | null> {
  const { provider: name, task_id: taskId } = attempt.job;
  const provider = readyProvider(attempt);
  if (!provider || quietFor(name) > 0) return 'paused';
  try {
    const checked = await polling(() => provider.check(taskId!, attempt.stop.signal));
    attempt.badReplies = 0;
    attempt.failedPolls = 0;
    if (refusedKeys.delete(name)) logger.info('provider takes the key again', { provider: name });
    return checked;
  } catch (thrown) {
    if (attempt.stop.signal.aborted) throw thrown;
    return askFailed(attempt, toAppError(thrown));
  }
}

function askFailed(attempt: Followed, error: AppError): 'paused' | null {
  const { provider } = attempt.job;
  logger.warn('task could not be asked for', { ...logged(attempt), code: error.code, error });
  if (error.code === 'PROVIDER_AUTH') {
    refusedKeys.add(provider);
    stayAway(provider, pauseMs);
    return 'paused';
  }
  if (error.code === 'PROVIDER_RATE_LIMITED') {
    stayAway(provider, error.retryAfterMs ?? backoff(attempt.failedPolls++, config.VIDEO_POLL_INTERVAL_MS));
    return 'paused';
  }
  attempt.failedPolls++;
  attempt.badReplies = error.code === 'PROVIDER_BAD_REPLY' ? attempt.badReplies + 1 : 0;
  return null;
}

const pauseMs = Math.min(longestBackoffMs, 6 * config.VIDEO_POLL_INTERVAL_MS);

/** A failed poll is not a failed task, but ten answers in a row that nobody can read are reported. */
function pauseAfterFailure(attempt: Followed): Promise<number | null> | number {
  if (attempt.badReplies >= badRepliesInARow) return giveUpForNow(attempt, 'PROVIDER_BAD_REPLY', 'maybe', 'overdue');
  return backoff(attempt.failedPolls - 1, config.VIDEO_POLL_INTERVAL_MS);
}

async function storeProgress(
  attempt: Followed,
  checked: Extract<Checked, { state: 'queued' | 'running' }>,
): Promise<boolean> {
  const { phase, progress } = attempt.video;
  const next = checked.progress ?? null;
  const isSame = phase === checked.state && Math.abs((next ?? -1) - (progress ?? -1)) < minProgressStep;
  if (isSame || attempt.isLate) return true;
  return store.storeStep(attempt, { video: { phase: checked.state, progress: next } });
}

const isOverdue = ({ job }: Followed): boolean =>
  Date.now() - (job.accepted_at?.getTime() ?? Date.now()) >= config.VIDEO_TIMEOUT_MS;

const overdue = (attempt: Followed): Promise<number | null> => giveUpForNow(attempt, 'TIMEOUT', 'maybe', 'overdue');

/** Failed for the user, and still asked for now and then: what is paid and late is not thrown away. */
async function giveUpForNow(
  attempt: Followed,
  code: ErrorCode,
  charged: VideoError['charged'],
  state: 'overdue' | 'undelivered',
): Promise<number | null> {
  logger.warn('video given up for now', { ...logged(attempt), code });
  const isFree = attempt.job.provider === 'local';
  const isStored = await store.storeStep(attempt, {
    video: failure(code, attempt.job.provider, isFree ? 'no' : charged),
    job: { state },
  });
  return isStored ? config.VIDEO_RECHECK_INTERVAL_MS : lost(attempt);
}

async function recheck(attempt: Followed): Promise<number | null> {
  const acceptedAt = attempt.job.accepted_at?.getTime() ?? 0;
  if (Date.now() - acceptedAt > recheckForMs) return end(attempt, null);
  const checked = await ask(attempt);
  if (checked === null || checked === 'paused') return config.VIDEO_RECHECK_INTERVAL_MS;
  if (checked.state === 'completed') return deliver(attempt, checked);
  if (checked.state !== 'failed') return config.VIDEO_RECHECK_INTERVAL_MS;
  logger.warn('late video failed', { ...logged(attempt), code: checked.code, reason: checked.reason });
  return end(attempt, failure(checked.code, attempt.job.provider, checked.charged));
}

// ---- the file

/** The file is ours before the word is "completed". */
async function deliver(attempt: Followed, found?: Extract<Checked, { state: 'completed' }>): Promise<number | null> {
  const { state, attempt_id: attemptId } = attempt.job;
  if (state === 'following') {
    const step = { video: { phase: 'downloading', progress: null }, job: { state: 'fetching' } } as const;
    if (!(await store.storeStep(attempt, step))) return lost(attempt);
  }
  if (!(await fetchFile(attempt, found))) {
    if (state === 'overdue' || state === 'undelivered') return config.VIDEO_RECHECK_INTERVAL_MS;
    return giveUpForNow(attempt, 'DOWNLOAD_FAILED', 'yes', 'undelivered');
  }

  const video: Partial<Video> = {
    status: 'completed',
    url: videoUrl(attemptId),
    poster_url: await makePoster(attemptId),
    error: null,
    phase: null,
    progress: null,
    completed_at: new Date().toISOString(),
  };
  logger.info('video completed', logged(attempt));
  return end(attempt, video);
}

async function fetchFile(attempt: Followed, found?: Extract<Checked, { state: 'completed' }>): Promise<boolean> {
  const { attempt_id: attemptId, provider } = attempt.job;
  for (let tries = 0; tries < downloadTries; tries++) {
    // Moved into place before a crash: the address may be dead by now, the file is not.
    if (hasVideo(attemptId)) return true;
    try {
      const result = found ?? (await ask(attempt));
      if (result === null || result === 'paused' || result.state !== 'completed')
        throw new Error('the task has no result now');
      if ('file' in result) await adoptVideo({ file: result.file, attemptId });
      else
        await fetchVideo({
          provider: providerTitle(provider),
          url: result.url,
          attemptId,
          signal: attempt.stop.signal,
        });
      return true;
    } catch (error) {
      if (attempt.stop.signal.aborted) throw error;
      logger.warn('video not fetched', { ...logged(attempt), error });
      found = undefined;
      await sleep(backoff(tries, config.VIDEO_POLL_INTERVAL_MS), undefined, { signal: attempt.stop.signal });
    }
  }
  return false;
}

// ---- ends

/** The last step: stored, told, and a place is free for the next. null leaves the video as it is. */
async function end(attempt: Followed, video: Partial<Video> | null): Promise<null> {
  if (attempt.isLate) {
    const take = video?.status === 'completed' ? lateTake(attempt, video) : null;
    await store.storeLate(attempt, take);
    return null;
  }
  if (!(await store.storeStep(attempt, { ...(video && { video }), job: null }))) return lost(attempt);
  attempt.sending.tell('ended');
  return null;
}

const lateTake = ({ job }: Followed, video: Partial<Video>): Video => ({
  ...idleVideo,
  task_id: job.task_id,
  provider: job.provider,
  model: job.model,
  attempt_id: job.attempt_id,
  form_data: toJson<FormData>(pickForm(job.form_data)),
  started_at: job.intent_at.toISOString(),
  ...video,
});

const pickForm = (form: FormData) => Object.fromEntries(formKeys.map((key) => [key, form[key]]));

function lost(attempt: Followed): null {
  logger.info('job is no longer ours', logged(attempt));
  attempt.sending.tell('ended');
  return null;
}

const failure = (code: ErrorCode, provider: string, charged: VideoError['charged']): Partial<Video> => ({
  status: 'failed',
  phase: null,
  progress: null,
  error: videoErrorOf(code, provider, provider === 'local' ? 'no' : charged),
  completed_at: new Date().toISOString(),
});

// ---- small things

function readyProvider(attempt: Followed): VideoProvider | null {
  const { provider } = attempt.job;
  try {
    return videoProvider(provider);
  } catch (error) {
    if (!unknownWords.has(provider))
      logger.error('provider of a running job is not usable', { ...logged(attempt), error });
    unknownWords.add(provider);
    return null;
  }
}

const quietFor = (provider: string): number => Math.max(0, (quietUntil.get(provider) ?? 0) - Date.now());

function stayAway(provider: string, ms: number): void {
  quietUntil.set(provider, Math.max(quietUntil.get(provider) ?? 0, Date.now() + ms));
}

const backoff = (failures: number, firstMs: number): number =>
  Math.min(longestBackoffMs, firstMs * 2 ** Math.max(0, failures)) * (1 + Math.random() * 0.2);

const logged = ({ workspaceId, job }: Attempt) => ({
  workspace_id: workspaceId,
  attempt_id: job.attempt_id,
  provider: job.provider,
  task_id: job.task_id,
});

function createSignal(): Followed['sending'] {
  let tell: (outcome: Sending) => void = () => undefined;
  const promise = new Promise<Sending>((resolve) => (tell = resolve));
  return { promise, tell };
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
