import { randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ErrorCode, ErrorDetail } from '../contract/errors';
import type { FormData } from '../contract/form';
import { idleVideo, type Video } from '../contract/video';
import { madeStates, type Job } from '../db/job';
import { findWorkspace } from '../db/find-workspaces';
import { toJson, type StoredWorkspace } from '../db/workspace';
import { imageFile } from '../media/images';
import { promptTooLong } from '../prompts/compose-prompt';
import type { VideoProvider } from '../services/provider';
import { providerTitle } from '../services/provider-errors';
import { videoProvider } from '../services/providers';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { processId } from '../utils/process-id';
import { logFields, type ActiveAttempt, type Attempt } from './attempt';
import { generationChanged, storeClaim, storeRefusal } from './clicks';
import { lookUpDoubts } from './doubts';
import { leaseMs } from './leases';
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
  /** What the user saw; nothing starts if the stored state differs. */
  expects?: { form_data: FormData; image_path: string | null };
};
export type ClickResult = { workspace_id: string; task_id: string | null; video: Video };

/** Clicks without a reply yet, by workspace and request_id. */
const openClicks = new Map<string, Promise<ClickResult>>();

/**
 * Starts one generation; replies when the provider accepts it, when it has to wait for a slot, or after 30 s.
 * A repeated request_id gets the outcome of the first click, while that one is still open and later.
 */
export function requestVideo(click: Click): Promise<ClickResult> {
  if (isEngineStopping())
    throw new AppError('BUSY', 'The server is stopping and nothing was started; click again in a moment.');
  if (!click.requestId) return startVideo(click);
  const key = `${click.workspaceId} ${click.requestId}`;
  const first = openClicks.get(key);
  if (first) return first;
  // Afterwards the stored click recognises a repetition.
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
    } catch (error) {
      if (await isAnsweredElsewhere(click, error)) continue;
      throw error;
    }
    const claimed = await storeClaim(workspace, attempt, click);
    if (!claimed) continue;
    logger.info('video requested', logFields(claimed));
    return replyToClick(startAttempt(claimed));
  }
  throw generationChanged();
}

/** Resumes creates in doubt that their provider turns out to have; returns whether there were any. */
async function resumeDoubts(workspace: StoredWorkspace): Promise<boolean> {
  const found = await lookUpDoubts(workspace);
  found.forEach(startAttempt);
  return found.length > 0;
}

/** Stores the refusal of a click; true when the same click has been answered in the meantime. */
async function isAnsweredElsewhere({ workspaceId, requestId }: Click, error: unknown): Promise<boolean> {
  const isRefusal = error instanceof AppError && !transientCodes.includes(error.code);
  return isRefusal && requestId !== undefined && !(await storeRefusal(workspaceId, requestId, error));
}

async function replyToClick(attempt: ActiveAttempt): Promise<ClickResult> {
  const { attempt_id: attemptId, state } = attempt.job;
  if (state === 'downloading') return toClickResult(attempt.workspaceId, attempt.video);
  const outcome = await Promise.race([attempt.firstOutcome.promise, sleep(replyWithinMs, 'timed_out', { ref: false })]);
  // A cancellation or another process may have stored the end.
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
  const provider = videoProvider(click.provider);
  const { video, form_data: form, image_path: imagePath } = workspace;
  if (video.status === 'generating') {
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
  refuseIfUnsupported(form, provider);

  const now = new Date();
  const { name, model } = provider;
  const common = { attempt_id: randomUUID(), provider: name, model, form_data: form, task_id: null };
  const phase = (await hasFreeSlot(name)) ? 'submitting' : 'queued';
  return {
    workspaceId: String(workspace._id),
    isSuperseded: false,
    video: { ...idleVideo, ...common, status: 'generating', phase, started_at: now.toISOString() },
    job: {
      ...common,
      image_path: imagePath,
      state: 'queued',
      prepared: null,
      submit_attempts: 0,
      intent_at: now,
      sent_at: null,
      accepted_at: null,
      cancelled_at: null,
      risk_accepted: false,
      step: randomUUID(),
      lease: { owner: processId, until: new Date(now.getTime() + leaseMs), epoch: 1 },
    },
  };
}

function refuseIfChanged({ form_data: form, image_path: imagePath }: StoredWorkspace, { expects }: Click): void {
  if (!expects) return;
  const isUnchanged = isDeepStrictEqual(form, expects.form_data) && imagePath === expects.image_path;
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
function resumeDownload({ _id, form_data: form }: StoredWorkspace, made: Job): Attempt {
  const { attempt_id, task_id, provider, model, intent_at: intentAt } = made;
  const facts = { attempt_id, task_id, provider, model, form_data: form, started_at: intentAt.toISOString() };
  return {
    workspaceId: String(_id),
    isSuperseded: false,
    video: { ...idleVideo, ...facts, status: 'generating', phase: 'downloading' },
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
  return doubtful.length > 0 || video.error?.code === ('SUBMIT_UNKNOWN' satisfies ErrorCode);
}

function refuseIfUnsupported(form: FormData, { name, capabilities }: VideoProvider): void {
  const { durations_s: durations, aspect_ratios: ratios, prompt_max: promptMax } = capabilities;
  const title = providerTitle(name);
  const refuse = (field: string, message: string, rule: ErrorDetail['rule'], limit?: number) => {
    const details = [{ path: `form_data.${field}`, message, rule, ...(limit !== undefined && { limit }) }];
    throw new AppError('INVALID_INPUT', `${title} cannot make this video: ${field} ${message}.`, { details });
  };
  if (!durations.includes(form.duration_s))
    refuse('duration_s', `must be one of ${durations.join(', ')}`, 'not_offered');
  if (!ratios.includes(form.aspect_ratio)) refuse('aspect_ratio', `must be one of ${ratios.join(', ')}`, 'not_offered');
  const tooLong = promptTooLong(form.prompt, promptMax);
  if (tooLong) refuse('prompt', tooLong, 'too_long', promptMax);
  const hasText = [form.prompt, form.camera_movement, form.shot_size, form.lighting].some(
    (value) => value.trim() !== '',
  );
  if (capabilities.prompt_required && !hasText) refuse('prompt', 'must not be empty', 'required');
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
