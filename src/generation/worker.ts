import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { idleVideo, type FormData, type Video } from '../contract';
import { findWorkspace, processId, rememberUnchanged, toJson } from '../db/mongodb';
import type { Job, StoredWorkspace } from '../db/mongodb';
import type { VideoProvider } from '../services/provider';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { readAccepted } from './journal';
import { createSignal, followed, forget, logged } from './attempt';
import type { Followed } from './attempt';
import { deliver, poll, recheck } from './poll';
import {
  cancelled,
  cancelTask,
  isTurnFree,
  reconcile,
  settleAccepted,
  storeUnclear,
  submits,
  takeTurn,
} from './submit';
import * as store from './store';
import type { Attempt } from './store';
import { imageFile } from '../media/images';
import { providerTitle } from '../services/provider-errors';
import { videoProvider } from '../services/providers';

const answerWithinMs = 30_000;
const claimRaces = 5;
const cancelWaitMs = 3000;
const answersKept = 1000;

export type Click = { workspaceId: string; provider?: string; requestId?: string; acceptSecondCharge: boolean };
export type Clicked = { workspace_id: string; task_id: string | null; video: Video };

const answers = new Map<string, Promise<Clicked>>();
let leaseTimer: NodeJS.Timeout | undefined;
let isStopping = false;

// ---- the click

/**
 * Starts one paid generation: 202 once the provider accepted, at once when the job must wait for its turn, or after 30 s.
 * The same request_id again gets the first answer, even while that is still out.
 */
export function requestVideo(click: Click): Promise<Clicked> {
  if (isStopping)
    throw new AppError('BUSY', 'The server is stopping and nothing was started; click again in a moment.');
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
  throw new AppError('BUSY', 'The generation changes at this moment; try again.');
}

async function answerClick(attempt: Followed): Promise<Clicked> {
  const isFetching = attempt.job.state === 'fetching';
  const outcome = isFetching
    ? 'accepted'
    : await Promise.race([attempt.sending.promise, sleep(answerWithinMs, 'waiting', { ref: false })]);
  // The end may have been stored by a cancellation or by another process.
  if (outcome === 'ended') return answerAgain(await findWorkspace(attempt.workspaceId), attempt.job.attempt_id);
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
  const isUnclear = job?.state === 'unclear' || video.error?.code === 'SUBMIT_UNKNOWN';
  if (isUnclear && !click.acceptSecondCharge) {
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
      phase: (await isTurnFree(provider.name)) ? 'submitting' : 'queued',
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

/** Makes a take the video, once for each request; not `isNew` when that was done before. */
export async function chooseTake(
  workspaceId: string,
  attemptId: string,
  applied?: string,
): Promise<{ stored: StoredWorkspace; isNew: boolean }> {
  for (let race = 0; race < claimRaces; race++) {
    const read = await findWorkspace(workspaceId);
    const { video, takes, job } = read;
    if (applied && read.applied.includes(applied)) return { stored: read, isNew: false };
    if (video.status === 'generating') {
      throw new AppError(
        'VIDEO_IN_PROGRESS',
        'A video is being generated here; wait for it or cancel it, then choose a take.',
      );
    }
    if (video.attempt_id === attemptId) {
      await rememberUnchanged(workspaceId, applied);
      return { stored: read, isNew: false };
    }
    const index = takes.findIndex((take) => take.attempt_id === attemptId);
    if (index < 0)
      throw new AppError('NOT_FOUND', 'This workspace has no take with this attempt_id; load the list again.');

    const stored = await store.storeChoice(read, index, applied);
    if (!stored) continue;
    if (job) followLate({ workspaceId, video, job });
    return { stored, isNew: true };
  }
  throw new AppError('BUSY', 'The generation changes at this moment; try again.');
}

// ---- start and stop

/** Picks up every job that is not finished, whatever the default provider is now, and keeps doing so. */
export async function startEngine(): Promise<void> {
  for (const task of await readAccepted()) await settleAccepted(task.workspace_id, task.attempt_id, task.task_id);
  for (const attempt of await store.findForgotten()) await storeUnclear(attempt);
  for (const attempt of await store.findLate()) followLate(attempt);
  await takeJobs();
  leaseTimer = setInterval(() => void takeJobs(), store.leaseMs / 3);
}

/** Begins no more submits and waits for those that are out, since they are paid; the next start picks up all the rest. */
export async function stopEngine(): Promise<void> {
  isStopping = true;
  clearInterval(leaseTimer);
  for (const { stop } of followed.values()) stop.abort();
  store.stopPersisting();
  while (submits.size > 0) await Promise.allSettled(submits);
  await store.releaseLeases().catch((error: unknown) => logger.warn('leases not released', { error }));
}

async function takeJobs(): Promise<void> {
  try {
    const before = new Map(followed);
    const mine = await store.claimLeases();
    if (isStopping) return;
    const ids = new Set(mine.map(({ job }) => job.attempt_id));
    for (const [id, attempt] of before) {
      // One that has become late meanwhile is followed anew under its id.
      const isSame = followed.get(id) === attempt;
      if (isSame && !ids.has(id) && !attempt.isLate && !attempt.isSending) forget(id);
    }
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
    alarm: new AbortController(),
    sending: createSignal(),
    isSending: false,
    refusals: 0,
    lookups: 0,
    badReplies: 0,
    failedPolls: 0,
  };
  started.stop.signal.addEventListener('abort', () => started.alarm.abort(), { once: true });
  // Left to the next start: a click that was on its way here when the stop began.
  if (isStopping) started.stop.abort();
  followed.set(attempt.job.attempt_id, started);
  void live(started);
  return started;
}

function followLate(attempt: Attempt): void {
  if (attempt.job.task_id) follow(attempt, true);
}

/** One step after the other, until the attempt has come to its end or is no longer ours. */
async function live(attempt: Followed): Promise<void> {
  try {
    while (!attempt.stop.signal.aborted) {
      const waitMs = await nextStep(attempt);
      if (waitMs === null) break;
      await nap(attempt, waitMs);
    }
  } catch (error) {
    if (!attempt.stop.signal.aborted) logger.error('job stopped by an error', { ...logged(attempt), error });
  }
  // Left to the next round of `takeJobs` where it still is to be followed.
  if (followed.get(attempt.job.attempt_id) === attempt) forget(attempt.job.attempt_id);
}

/** Waits for that long, or until the alarm of the attempt goes off, which it may have done before. */
async function nap(attempt: Followed, waitMs: number): Promise<void> {
  await sleep(waitMs, undefined, { signal: attempt.alarm.signal }).catch(() => undefined);
  attempt.alarm = new AbortController();
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

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
