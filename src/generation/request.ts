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
import { storeClaim, storeRefusal } from './clicks';
import { lookUpDoubts } from './doubts';
import { leaseMs } from './leases';
import { hasFreeSlot } from './queue';
import { follow, isEngineStopping } from './worker';

const answerWithinMs = 30_000;
const claimRaces = 5;
/** What says nothing about the click itself. */
const passingCodes: ErrorCode[] = ['DATABASE_UNAVAILABLE', 'BUSY'];

export type Click = {
  workspaceId: string;
  provider?: string;
  requestId?: string;
  acceptSecondCharge: boolean;
  /** What the user saw; nothing is started when something else is stored. */
  expects?: { form_data: FormData; image_path: string | null };
};
export type Clicked = { workspace_id: string; task_id: string | null; video: Video };

/** The clicks whose answer is still out, by workspace and request_id. */
const answers = new Map<string, Promise<Clicked>>();

/**
 * Starts one generation: answers once the provider accepted, at once when the attempt must wait for a slot, or after 30 s.
 * The same request_id again is answered with what became of that click, at the same time and later.
 */
export function requestVideo(click: Click): Promise<Clicked> {
  if (isEngineStopping())
    throw new AppError('BUSY', 'The server is stopping and nothing was started; click again in a moment.');
  if (!click.requestId) return startVideo(click);
  const key = `${click.workspaceId} ${click.requestId}`;
  const first = answers.get(key);
  if (first) return first;
  // Once it is settled, the stored click answers.
  const answer = startVideo(click).finally(() => answers.delete(key));
  answers.set(key, answer);
  return answer;
}

async function startVideo(click: Click): Promise<Clicked> {
  for (let race = 0; race < claimRaces; race++) {
    const workspace = await findWorkspace(click.workspaceId);
    const isSame = ({ request_id: requestId }: { request_id: string }) => requestId === click.requestId;
    const earlier = workspace.clicks.find(isSame);
    if (earlier) return answerAgain(workspace, earlier.attempt_id);
    const refused = workspace.refusals?.find(isSame)?.error;
    if (refused) throw new AppError(refused.code, refused.message, { details: refused.details });

    if (!click.acceptSecondCharge && isInDoubt(workspace) && (await isSettled(workspace))) continue;
    let attempt;
    try {
      attempt = await newAttempt(workspace, click);
    } catch (error) {
      if (await isKnown(click, error)) continue;
      throw error;
    }
    const claimed = await storeClaim(workspace, attempt, click);
    if (!claimed) continue;
    logger.info('video requested', logFields(claimed));
    return answerClick(follow(claimed));
  }
  throw new AppError('BUSY', 'The generation was changed at the same time; try again.');
}

/** Whether a create in doubt was found at its provider, and is followed now. */
async function isSettled(workspace: StoredWorkspace): Promise<boolean> {
  const found = await lookUpDoubts(workspace);
  found.forEach(follow);
  return found.length > 0;
}

/** Keeps the refusal of a click; true where the same click has been answered otherwise meanwhile. */
async function isKnown({ workspaceId, requestId }: Click, error: unknown): Promise<boolean> {
  const isRefusal = error instanceof AppError && !passingCodes.includes(error.code);
  return isRefusal && requestId !== undefined && !(await storeRefusal(workspaceId, requestId, error));
}

async function answerClick(attempt: ActiveAttempt): Promise<Clicked> {
  const { attempt_id: attemptId, state } = attempt.job;
  if (state === 'downloading') return toClicked(attempt.workspaceId, attempt.video);
  const outcome = await Promise.race([attempt.firstOutcome.promise, sleep(answerWithinMs, 'out', { ref: false })]);
  // The end may have been stored by a cancellation or by another process.
  if (outcome === 'ended') return answerAgain(await findWorkspace(attempt.workspaceId), attemptId);
  return toClicked(attempt.workspaceId, attempt.video);
}

/** What became of a click: its take or its video, or what that said when it gave way. */
function answerAgain({ _id, video, takes, clicks }: StoredWorkspace, attemptId: string): Clicked {
  const isMine = (candidate: Video) => candidate.attempt_id === attemptId;
  const click = clicks.find(({ attempt_id }) => attempt_id === attemptId);
  const mine = takes.find(isMine) ?? [video].find(isMine) ?? click?.outcome;
  if (!mine) {
    throw new AppError(
      'NOT_FOUND',
      'This click was answered long ago, and its video is not kept any more; click anew.',
    );
  }
  const wasRefused = mine.error && mine.task_id === null && mine.error.code !== 'CANCELLED';
  if (wasRefused) throw new AppError(mine.error!.code, mine.error!.message);
  return toClicked(String(_id), mine);
}

const toClicked = (workspaceId: string, video: Video): Clicked =>
  toJson({ workspace_id: workspaceId, task_id: video.task_id, video });

/** Checks everything that can be known before anything is paid, and freezes the request. */
async function newAttempt(workspace: StoredWorkspace, click: Click): Promise<Attempt> {
  const provider = videoProvider(click.provider);
  const { video, form_data: form, image_path: imagePath } = workspace;
  if (video.status === 'generating') {
    throw new AppError('VIDEO_IN_PROGRESS', 'This workspace is generating a video already; wait for it or cancel it.');
  }
  refuseChanged(workspace, click);
  const made = findMade(workspace, click);
  if (made) return fetchAgain(workspace, made);
  if (!imagePath || !(await isThere(imageFile(imagePath)))) {
    throw new AppError('IMAGE_MISSING', 'This workspace has no image; upload one and set image_path, then generate.');
  }
  if (isInDoubt(workspace) && !click.acceptSecondCharge) {
    const message =
      'The last generation may have been charged; look into your account, then send accept_second_charge: true.';
    throw new AppError('SECOND_CHARGE_POSSIBLE', message);
  }
  refuseImpossible(form, provider);

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

function refuseChanged({ form_data: form, image_path: imagePath }: StoredWorkspace, { expects }: Click): void {
  if (!expects) return;
  const isAsSeen = isDeepStrictEqual(form, expects.form_data) && imagePath === expects.image_path;
  if (isAsSeen) return;
  const message =
    'Something else is stored than what you saw, so nothing was started; look at the form and click again.';
  throw new AppError('FORM_CHANGED', message);
}

/** The newest attempt of the same form and image whose clip is made and paid, and not here yet. */
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

/** The video is made and paid: a new click only fetches its file. */
function fetchAgain({ _id, form_data: form }: StoredWorkspace, made: Job): Attempt {
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

/** Whether an attempt may have been paid that nobody knows of, and no user has accepted that yet. */
function isInDoubt({ job, superseded, video }: StoredWorkspace): boolean {
  const doubtful = [...superseded, ...(job ? [job] : [])].filter(
    ({ state, risk_accepted: isAccepted }) => !isAccepted && (state === 'in_doubt' || state === 'submitting'),
  );
  return doubtful.length > 0 || video.error?.code === ('SUBMIT_UNKNOWN' satisfies ErrorCode);
}

function refuseImpossible(form: FormData, { name, capabilities }: VideoProvider): void {
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
  const hasWords = [form.prompt, form.camera_movement, form.shot_size, form.lighting].some(
    (value) => value.trim() !== '',
  );
  if (capabilities.prompt_required && !hasWords) refuse('prompt', 'must not be empty', 'required');
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
