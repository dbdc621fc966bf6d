import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ErrorCode } from '../contract/errors';
import type { FormData } from '../contract/form';
import type { Video } from '../contract/video';
import type { Job } from '../db/job';
import { isWaitingInBatch } from '../db/batch';
import { findNeighbours, findWorkspace } from '../db/find-workspaces';
import { toJson, type StoredWorkspace } from '../db/workspace';
import { estimateOf } from '../costs/prices';
import { reserve, takeBack } from '../costs/reserve';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { processId } from '../utils/process-id';
import { isNoCharge, logFields, videoOf, type ActiveAttempt, type Attempt } from './attempt';
import { generationChanged, storeClaim, storeRefusal } from './clicks';
import { lookUpInDoubt } from './in-doubt';
import { leaseMs } from './leases';
import { checkClick, isInDoubt } from './check-click';
import { hasFreeSlot } from './queue';
import { ownSources } from './sources';
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
  /** Of a batch: for how long the shot must have been left alone; it is then sent as it is stored. */
  quietMs?: number;
  /** What the user saw; nothing starts if the stored state differs. */
  expects?: { form_data: Partial<FormData>; image_path: string | null; end_image_path?: string | null };
};
export type ClickResult = { workspace_id: string; task_id: string | null; video: Video };

/** Clicks without a reply yet, by workspace and request_id. */
const openClicks = new Map<string, Promise<ClickResult>>();

/**
 * Starts one generation; replies when the provider accepts it, when it has to wait for a slot, or after 30 s.
 * A repeated request_id gets the outcome of the first click, whether that is still in progress or not.
 */
export function requestVideo(click: Click): Promise<ClickResult> {
  if (isEngineStopping()) throw stopping();
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
  const { started, earlier } = await claim(click);
  return started ? replyToClick(started) : replayReply(earlier.workspace, earlier.attemptId);
}

/**
 * Starts the video of a shot of a batch; returns its attempt_id once it is stored, also of one that was stored before. Throws what
 * refuses the click, and BUSY while the shot is being edited.
 */
export async function startForBatch(click: Click & Required<Pick<Click, 'quietMs' | 'requestId'>>): Promise<string> {
  if (isEngineStopping()) throw stopping();
  const { started, earlier } = await claim(click);
  return started ? started.job.attempt_id : earlier.attemptId;
}

const stopping = (): AppError =>
  new AppError('BUSY', 'The server is stopping and nothing was started; click again in a moment.');

type Claim =
  | { started: ActiveAttempt; earlier?: undefined }
  | { started?: undefined; earlier: { workspace: StoredWorkspace; attemptId: string } };

/** Stores and starts the attempt of a click, or finds the one that the same click has started before. */
async function claim(click: Click): Promise<Claim> {
  let seen: StoredWorkspace | undefined;
  for (let race = 0; race < maxClaimTries; race++) {
    const workspace = await findWorkspace(click.workspaceId);
    const isSame = ({ request_id: requestId }: { request_id: string }) => requestId === click.requestId;
    const earlier = workspace.clicks.find(isSame);
    if (earlier) return { earlier: { workspace, attemptId: earlier.attempt_id } };
    const refused = workspace.refusals?.find(isSame)?.error;
    if (refused) throw new AppError(refused.code, refused.message, { details: refused.details });

    if (!click.acceptSecondCharge && isInDoubt(workspace) && (await resumeDoubts(workspace))) continue;
    let attempt;
    try {
      refuseIfOvertaken((seen ??= workspace), workspace);
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
    return { started: startAttempt(claimed) };
  }
  throw generationChanged();
}

/** Refuses a click that another one has overtaken, even if the video of that one is made by now. */
function refuseIfOvertaken(seen: StoredWorkspace, { video: { attempt_id: attemptId } }: StoredWorkspace): void {
  const isNew = [seen.video, ...seen.takes].every((known) => known.attempt_id !== attemptId);
  if (!isNew) return;
  const message =
    'Another click has started a video of this workspace at the same moment, so this one started nothing.';
  throw new AppError('VIDEO_IN_PROGRESS', message);
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
  const { form_data: form } = workspace;
  if (click.quietMs !== undefined) refuseWhileEdited(workspace, click.quietMs);
  else await refuseWaiting(String(workspace._id));
  const { made, choice } = await checkClick(workspace, await findNeighbours(workspace), click);
  if (made) return resumeDownload(workspace, made);
  const { provider, model, form: meant, resolution, audio } = choice;
  const now = new Date();
  const job: Job = {
    attempt_id: randomUUID(),
    provider: provider.name,
    model: model.id,
    form_data: form,
    resolution,
    audio,
    cost: estimateOf(model, meant),
    ...ownSources(workspace),
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

function refuseWhileEdited({ updated_at: changedAt }: StoredWorkspace, quietMs: number): void {
  if (Date.now() - new Date(changedAt).getTime() >= quietMs) return;
  throw new AppError('BUSY', 'The workspace is being edited, so nothing was started; it is tried again in a moment.');
}

async function refuseWaiting(workspaceId: string): Promise<void> {
  if (!(await isWaitingInBatch(workspaceId))) return;
  const message = 'This workspace waits for its turn in a batch; let it come, or cancel it there.';
  throw new AppError('VIDEO_IN_PROGRESS', message);
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
