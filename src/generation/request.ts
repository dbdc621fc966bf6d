import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode } from '../contract/errors';
import type { FormData } from '../contract/form';
import type { Video } from '../contract/video';
import { madeStates, type Job } from '../db/job';
import { findWorkspace } from '../db/find-workspaces';
import { toJson, type StoredWorkspace } from '../db/workspace';
import { imageFile } from '../media/images';
import { estimateOf } from '../costs/prices';
import { reserve, takeBack } from '../costs/reserve';
import { videoProvider } from '../services/providers';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { processId } from '../utils/process-id';
import { isNoCharge, logFields, videoOf, type ActiveAttempt, type Attempt } from './attempt';
import { generationChanged, storeClaim, storeRefusal } from './clicks';
import { lookUpInDoubt } from './in-doubt';
import { leaseMs } from './leases';
import { chooseModel } from './model-choice';
import { hasFreeSlot } from './queue';
import { startAttempt, isEngineStopping } from './worker';

const replyWithinMs = 30_000;
const maxClaimTries = 5;
/** Errors that say nothing about the click itself, so that they are not kept as its answer. */
const transientCodes: ErrorCode[] = ['DATABASE_UNAVAILABLE', 'BUSY'];

export type Click = {
  workspaceId: string;
  provider?: string;
  requestId?: string;
  acceptSecondCharge: boolean;
  acceptOverLimit?: boolean;
  acceptUnknownPrice?: boolean;
  /** What the user saw; nothing starts if the stored state differs. */
  expects?: { form_data: Partial<FormData>; image_path: string | null };
};
export type ClickResult = { workspace_id: string; task_id: string | null; video: Video };

/** Clicks without a reply yet, by workspace and request_id. */
const openClicks = new Map<string, Promise<ClickResult>>();

/**
 * Starts one generation; replies when the provider accepts it, when it has to wait for a slot, or after 30 s.
 * A repeated request_id gets the outcome of the first click, whether that is still in progress or not.
 */
export function requestVideo(click: Click): Promise<ClickResult> {
  if (isEngineStopping())
    throw new AppError('BUSY', 'The server is stopping and nothing was started; click again in a moment.');
  if (!click.requestId) return startVideo(click);
  const key = `${click.workspaceId} ${click.requestId}`;
  const first = openClicks.get(key);
  if (first) return first;
  // After that, repetitions are recognised by the stored click.
  const result = startVideo(click).finally(() => openClicks.delete(key));
  openClicks.set(key, result);
  return result;
}

async function startVideo(click: Click): Promise<ClickResult> {
  for (let race = 0; race < maxClaimTries; race++) {
    const workspace = await findWorkspace(click.workspaceId);
    const isSame = ({ request_id: requestId }: { request_id: string }) => requestId === click.requestId;
    const earlier = workspace.clicks.find(isSame);
    if (earlier) return replayReply(workspace, earlier.attempt_id);
    const refused = workspace.refusals?.find(isSame)?.error;
    if (refused) throw new AppError(refused.code, refused.message, { details: refused.details });

    if (!click.acceptSecondCharge && isInDoubt(workspace) && (await resumeDoubts(workspace))) continue;
    let attempt;
    try {
      attempt = await newAttempt(workspace, click);
      await reserveFor(workspace, attempt.job, click);
    } catch (error) {
      if (await isAnsweredElsewhere(click, error)) continue;
      throw error;
    }
    const claimed = await storeClaim(workspace, attempt, click);
    if (!claimed) {
      await takeBack(attempt.job.attempt_id);
      continue;
    }
    logger.info('video requested', logFields(claimed));
    return replyToClick(startAttempt(claimed));
  }
  throw generationChanged();
}

/** Reserves what a new attempt may cost; a made clip that is only downloaded is charged already. */
async function reserveFor({ _id, film_id: filmId }: StoredWorkspace, job: Job, click: Click): Promise<void> {
  if (isNoCharge(job.provider) || job.state !== 'queued') return;
  const { attempt_id, provider, model, cost } = job;
  await reserve({
    attempt_id,
    workspace_id: String(_id),
    film_id: String(filmId),
    provider,
    model,
    cost,
    accept_over_limit: click.acceptOverLimit ?? false,
    accept_unknown_price: click.acceptUnknownPrice ?? false,
  });
}

/** Resumes creates in doubt that their provider has accepted after all; returns whether there were any. */
async function resumeDoubts(workspace: StoredWorkspace): Promise<boolean> {
  const found = await lookUpInDoubt(workspace);
  found.forEach(startAttempt);
  return found.length > 0;
}

/** Stores the refusal of a click; true if another request with the same id has been answered in the meantime. */
async function isAnsweredElsewhere({ workspaceId, requestId }: Click, error: unknown): Promise<boolean> {
  const isRefusal = error instanceof AppError && !transientCodes.includes(error.code);
  return isRefusal && requestId !== undefined && !(await storeRefusal(workspaceId, requestId, error));
}

async function replyToClick(attempt: ActiveAttempt): Promise<ClickResult> {
  const { attempt_id: attemptId, state } = attempt.job;
  if (state === 'downloading') return toClickResult(attempt.workspaceId, attempt.video);
  const outcome = await Promise.race([attempt.firstOutcome.promise, sleep(replyWithinMs, 'timed_out', { ref: false })]);
  // It may have been ended by a cancellation or another process.
  if (outcome === 'ended') return replayReply(await findWorkspace(attempt.workspaceId), attemptId);
  return toClickResult(attempt.workspaceId, attempt.video);
}

/** The outcome of an earlier click: its video or take, or the last state of a video that was dropped. */
function replayReply({ _id, video, takes, clicks }: StoredWorkspace, attemptId: string): ClickResult {
  const isMine = (candidate: Video) => candidate.attempt_id === attemptId;
  const click = clicks.find(({ attempt_id }) => attempt_id === attemptId);
  const mine = takes.find(isMine) ?? [video].find(isMine) ?? click?.outcome;
  if (!mine) {
    throw new AppError('NOT_FOUND', 'This click was answered long ago and its video is no longer kept; click again.');
  }
  const wasRefused = mine.error && mine.task_id === null && mine.error.code !== 'CANCELLED';
  if (wasRefused) throw new AppError(mine.error!.code, mine.error!.message);
  return toClickResult(String(_id), mine);
}

const toClickResult = (workspaceId: string, video: Video): ClickResult =>
  toJson({ workspace_id: workspaceId, task_id: video.task_id, video });

/** Checks everything that can be checked before anything is paid, and freezes the request. */
async function newAttempt(workspace: StoredWorkspace, click: Click): Promise<Attempt> {
  if (click.provider !== undefined) videoProvider(click.provider);
  const { form_data: form, image_path: imagePath } = workspace;
  if (workspace.video.status === 'generating') {
    throw new AppError('VIDEO_IN_PROGRESS', 'This workspace is already generating a video; wait for it or cancel it.');
  }
  refuseIfChanged(workspace, click);
  const made = findMade(workspace, click);
  if (made) return resumeDownload(workspace, made);
  if (!imagePath || !(await exists(imageFile(imagePath)))) {
    throw new AppError('IMAGE_MISSING', 'This workspace has no image; upload one and set image_path, then generate.');
  }
  if (isInDoubt(workspace) && !click.acceptSecondCharge) {
    const message =
      'The last generation may have been charged; check your account, then send accept_second_charge: true.';
    throw new AppError('SECOND_CHARGE_POSSIBLE', message);
  }
  const { provider, model, form: meant, resolution, audio } = chooseModel(form, click.provider);
  const now = new Date();
  const job: Job = {
    attempt_id: randomUUID(),
    provider: provider.name,
    model: model.id,
    form_data: form,
    resolution,
    audio,
    cost: estimateOf(model, meant),
    image_path: imagePath,
    state: 'queued',
    task_id: null,
    prepared: null,
    submit_attempts: 0,
    intent_at: now,
    sent_at: null,
    accepted_at: null,
    cancelled_at: null,
    risk_accepted: false,
    step: randomUUID(),
    lease: { owner: processId, until: new Date(now.getTime() + leaseMs), epoch: 1 },
  };
  const phase = (await hasFreeSlot(provider.name)) ? 'submitting' : 'queued';
  const video: Video = { ...videoOf(job), status: 'generating', phase };
  return { workspaceId: String(workspace._id), isSuperseded: false, video, job };
}

function refuseIfChanged({ form_data: form, image_path: imagePath }: StoredWorkspace, { expects }: Click): void {
  if (!expects) return;
  const seen = Object.entries(expects.form_data).every(([field, value]) => form[field as keyof FormData] === value);
  const isUnchanged = seen && imagePath === expects.image_path;
  if (isUnchanged) return;
  const message =
    'The stored form or image differs from what you saw, so nothing was started; check it and click again.';
  throw new AppError('FORM_CHANGED', message);
}

/** The newest attempt with the same form and image whose clip is made and paid, but not downloaded. */
function findMade({ job, superseded, form_data: form, image_path: imagePath }: StoredWorkspace, click: Click) {
  const attempts = [...superseded, ...(job ? [job] : [])];
  return attempts.findLast(
    (made) =>
      madeStates.includes(made.state) &&
      made.image_path === imagePath &&
      (click.provider === undefined || click.provider === made.provider) &&
      isDeepStrictEqual(made.form_data, form),
  );
}

/** A new click on a video that is made and paid only downloads its file. */
function resumeDownload({ _id }: StoredWorkspace, made: Job): Attempt {
  return {
    workspaceId: String(_id),
    isSuperseded: false,
    video: { ...videoOf(made), status: 'generating', phase: 'downloading' },
    job: {
      ...made,
      state: 'downloading',
      cancelled_at: null,
      step: randomUUID(),
      lease: { owner: processId, until: new Date(Date.now() + leaseMs), epoch: made.lease.epoch + 1 },
    },
  };
}

/** Whether an attempt in doubt may have been charged, and no user has accepted that risk. */
function isInDoubt({ job, superseded, video }: StoredWorkspace): boolean {
  const doubtful = [...superseded, ...(job ? [job] : [])].filter(
    ({ state, risk_accepted: isAccepted }) => !isAccepted && (state === 'in_doubt' || state === 'submitting'),
  );
  const isUnclear = video.error?.code === ('SUBMIT_UNKNOWN' satisfies ErrorCode) && video.error.charged === 'maybe';
  return doubtful.length > 0 || isUnclear;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
