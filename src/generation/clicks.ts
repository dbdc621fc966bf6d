import { randomUUID } from 'node:crypto';
import { trusted } from 'mongoose';
import { idleVideo } from '../contract/defaults';
import type { FormData } from '../contract/form';
import { requestIdsKept } from '../contract/ids';
import { takesKept } from '../contract/limits';
import type { Video, VideoError } from '../contract/video';
import { chargeState, recordCharge } from '../costs/ledger';
import { recordDropped } from '../db/dropped-clips';
import { notApplied, versionedUpdate } from '../db/updates';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { readFields, type Attempt } from './attempt';
import { AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { attemptIn, broadcast, dotted } from './store';

/** The error of a write that found the generation changed at each try. */
export const generationChanged = (): AppError =>
  new AppError('BUSY', 'The generation was changed at the same time; try again.');

/** Matches if nothing about the generation has changed since it was read; the form may have been edited. */
const unchangedSince = ({ _id, video, takes, job, superseded }: StoredWorkspace) => ({
  _id,
  deleted_at: null,
  'video.attempt_id': video.attempt_id,
  'video.status': video.status,
  takes: trusted({ $size: takes.length }),
  ...(takes[0] && { 'takes.0.attempt_id': takes[0].attempt_id }),
  'job.attempt_id': job?.attempt_id ?? null,
  'job.step': job?.step ?? null,
  'job.lease.epoch': job?.lease.epoch ?? null,
  superseded: trusted({ $size: superseded.length }),
  ...Object.fromEntries(superseded.map(({ step }, index) => [`superseded.${index}.step`, step])),
  ...Object.fromEntries(superseded.map(({ lease }, index) => [`superseded.${index}.lease.epoch`, lease.epoch])),
});

/**
 * Stores claim and intent in one write: `video` is reset, a finished one becomes the first take, and the previous job is
 * superseded. Null when the generation has changed since it was read.
 */
export async function storeClaim(
  read: StoredWorkspace,
  { job, video }: Attempt,
  { requestId, acceptSecondCharge, quietMs }: { requestId?: string; acceptSecondCharge: boolean; quietMs?: number },
): Promise<Attempt | null> {
  const before = [...read.superseded, ...(read.job ? [read.job] : [])].filter(
    (other) => other.attempt_id !== job.attempt_id,
  );
  // A click that only downloads a file accepts no risk.
  const isRiskAccepted = acceptSecondCharge && job.state === 'queued';
  const superseded = isRiskAccepted ? before.map((other) => ({ ...other, risk_accepted: true })) : before;
  const takes = read.video.status === 'completed' ? [read.video, ...read.takes] : read.takes;
  await recordDropped(takes.slice(takesKept).map((take) => take.attempt_id!));
  const kept = takes.slice(0, takesKept);
  const click = requestId ? [{ request_id: requestId, attempt_id: job.attempt_id }] : [];
  const clicks = [...withOutcomes(read, [video, ...kept]), ...click].slice(-requestIdsKept);
  // A shot of a batch is sent as it is stored, a click as it was seen.
  const filter = { ...unchangedSince(read), ...(quietMs !== undefined && { version: read.version }) };
  const stored = await Workspace.findOneAndUpdate(
    filter,
    versionedUpdate({ video, takes: kept, job, superseded, clicks, 'changed.video': { version: read.version + 1 } }),
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
  if (!stored) return null;
  broadcast(stored, takes !== read.takes);
  return attemptIn(stored, job.attempt_id);
}

/** Stores the refusal of a click, so that its request_id never starts anything; false if the click has been answered before. */
export async function storeRefusal(workspaceId: string, requestId: string, error: AppError): Promise<boolean> {
  const refusal = { request_id: requestId, error: error.body };
  const { matchedCount } = await Workspace.updateOne(
    {
      _id: workspaceId,
      'clicks.request_id': trusted({ $ne: requestId }),
      'refusals.request_id': trusted({ $ne: requestId }),
    },
    { $push: { refusals: { $each: [refusal], $slice: -requestIdsKept } } },
  );
  return matchedCount > 0;
}

type Choice = {
  /** The index of the take; if negative, the video stays and only the form is stored. */
  index: number;
  /** The form to store for the workspace in the same write; null leaves it unchanged. */
  form: FormData | null;
  key: string | undefined;
};

/**
 * Makes a take the video; a finished video takes its place. A running job is kept, and its clip arrives as a take.
 * Null when the generation has changed since it was read.
 */
export function storeChoice(read: StoredWorkspace, { index, form, key }: Choice): Promise<StoredWorkspace | null> {
  const chosen = read.takes[index] ?? read.video;
  const old = index >= 0 && read.video.status === 'completed' ? [read.video] : [];
  const takes = index >= 0 ? read.takes.toSpliced(index, 1, ...old) : read.takes;
  return storeShownVideo(read, { video: chosen, takes }, key, form ?? {});
}

/**
 * Dismisses a failed video: the first take replaces it, else the workspace is idle.
 * Null when the generation has changed since it was read.
 */
export function storeDismissal(read: StoredWorkspace, key: string | undefined): Promise<StoredWorkspace | null> {
  const [video = idleVideo, ...takes] = read.takes;
  return storeShownVideo(read, { video, takes }, key);
}

function storeShownVideo(
  read: StoredWorkspace,
  { video, takes }: Pick<StoredWorkspace, 'video' | 'takes'>,
  key: string | undefined,
  form: Partial<FormData> = {},
): Promise<StoredWorkspace | null> {
  const change = { version: read.version + 1, ...(key && { by: key }) };
  const clicks = withOutcomes(read, [video, ...takes]);
  const changed = dotted(
    'changed',
    Object.fromEntries(['video', ...Object.keys(form)].map((field) => [field, change])),
  );
  return Workspace.findOneAndUpdate(
    { ...unchangedSince(read), ...notApplied(key) },
    versionedUpdate({ video, takes, clicks, ...dotted('form_data', form), ...changed }, key),
    { returnDocument: 'after' },
  ).lean<StoredWorkspace>();
}

/** The clicks, each with its outcome once its video is no longer kept as the video or a take. */
function withOutcomes({ clicks, video, takes }: StoredWorkspace, kept: Video[]): StoredWorkspace['clicks'] {
  const gone = [video, ...takes].filter((old) => !kept.some((other) => other.attempt_id === old.attempt_id));
  return clicks.map((click) => {
    const old = gone.find((other) => other.attempt_id === click.attempt_id);
    return old ? { ...click, outcome: { ...old, form_data: null } } : click;
  });
}

/** Stores that the running attempt was cancelled; null when it has changed since it was read. */
export async function storeCancellation(
  { _id, job: known, video: shown }: StoredWorkspace,
  video: Partial<Video> & { error: VideoError },
): Promise<Attempt | null> {
  const { attempt_id: attemptId, step, state } = known!;
  const cancellation = { 'job.cancelled_at': new Date(), 'job.step': randomUUID() };
  const stored = await Workspace.findOneAndUpdate(
    {
      _id,
      'video.attempt_id': shown.attempt_id,
      'video.status': 'generating',
      ...dotted('job', { attempt_id: attemptId, step }),
    },
    // A job that was never submitted ends here; any other is kept until its outcome is known.
    versionedUpdate({ ...dotted('video', video), ...(state === 'queued' ? { job: null } : cancellation) }),
    { returnDocument: 'after', projection: readFields },
  ).lean<StoredWorkspace>();
  if (!stored) return null;
  await recordCharge(known!, { state: chargeState(video.error.charged) }).catch((error: unknown) =>
    // `reconcileCharges` records it later.
    logger.warn('charge of a cancelled video not recorded', { attempt_id: attemptId, error }),
  );
  broadcast(stored);
  return { workspaceId: String(_id), job: stored.job ?? known!, video: stored.video, isSuperseded: false };
}
