import { access } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { clipOf, endOfCut, sourcesOf, type Neighbours } from '../contract/continuity';
import { findNeighbours, type Neighbour } from '../db/find-workspaces';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { imageFile } from '../media/images';
import { frameProgram, storeLastFrame } from '../media/last-frame';
import { hasVideo } from '../media/videos';
import { AppError, toAppError } from '../utils/errors';
import { sourcesIn, videoSources, type Attempt, type JobSources } from './attempt';

/** Throws IMAGE_MISSING or PREVIOUS_CLIP_MISSING if what a shot starts from is not there; `isComing` of the clip before it. */
export async function requireStart(shot: StoredWorkspace, { previous }: Neighbours, isComing = false): Promise<void> {
  if (shot.form_data.start === 'image') {
    if (shot.image_url && (await exists(shot.image_url))) return;
    throw new AppError('IMAGE_MISSING', 'This workspace has no image; upload one and set image_path, then generate.');
  }
  const clip = previous && clipOf(previous);
  if (!isComing && (!clip?.attempt_id || !hasVideo(clip.attempt_id))) throw previousClipMissing();
  frameProgram();
}

/** Throws IMAGE_MISSING or NEXT_IMAGE_MISSING if the picture that a shot ends on is not there. */
export async function requireEnd(shot: StoredWorkspace, neighbours: Neighbours): Promise<void> {
  const { end } = shot.form_data;
  if (end === 'none') return;
  const { end_image_url: endImage } = sourcesOf(shot, neighbours);
  if (endImage && (await exists(endImage))) return;
  if (end === 'next') throw nextImageMissing();
  const message = 'This workspace ends on an image but has none; upload one and set end_image_path, then generate.';
  throw new AppError('IMAGE_MISSING', message);
}

/** The pictures of a shot of its own; those of its neighbours are still open. */
export const ownSources = ({ form_data: { start, end }, image_path, end_image_path }: StoredWorkspace): JobSources => ({
  image_path: start === 'image' ? image_path : null,
  end_image_path: end === 'image' ? end_image_path : null,
  from_attempt_id: null,
  from_s: null,
});

/** Whether an attempt was sent with the pictures that its shot would be made from now. */
export function isMadeFrom(made: JobSources, shot: StoredWorkspace, neighbours: Neighbours): boolean {
  const now = sourcesOf(shot, neighbours);
  // A frame of the shot before is the same picture if it is of the same place in the same take.
  const { image_url } = shot.form_data.start === 'previous' ? now : videoSources(made);
  return isDeepStrictEqual({ ...videoSources(made), image_url }, now);
}

/** What an attempt takes from the shots beside it, at one moment; nothing if it uses only pictures of its own. */
export type Links = { clip?: { attempt_id: string; from_s: number | null; length_s: number | null }; next?: string };

/** Reads what an attempt takes from the shots beside it; throws PREVIOUS_CLIP_MISSING or NEXT_IMAGE_MISSING. */
export async function findLinks({ workspaceId, job }: Attempt): Promise<Links> {
  const { start, end } = job.form_data;
  if (start !== 'previous' && end !== 'next') return {};
  const shot = await Workspace.findById(workspaceId, { film_id: 1, order_index: 1 }).lean<StoredWorkspace>();
  const { previous, next } = shot ? await findNeighbours(shot) : { previous: null, next: null };
  return {
    ...(start === 'previous' && { clip: clipToContinue(previous) }),
    ...(end === 'next' && { next: await imageToReach(next) }),
  };
}

function clipToContinue(previous: Neighbour | null): NonNullable<Links['clip']> {
  if (!previous) throw previousClipMissing();
  const clip = clipOf(previous);
  if (!clip?.attempt_id || !hasVideo(clip.attempt_id)) throw previousClipMissing();
  return { attempt_id: clip.attempt_id, from_s: endOfCut(previous, clip), length_s: clip.file_duration_s };
}

async function imageToReach(next: Neighbour | null): Promise<string> {
  const image = next?.image_path;
  if (!image || !(await exists(image))) throw nextImageMissing();
  return image;
}

/** The pictures that an attempt is sent with: its own, and what it takes from its neighbours, of which a frame gets a new file. */
export async function takeLinked({ job }: Attempt, { clip, next }: Links, signal: AbortSignal): Promise<JobSources> {
  const sources = { ...sourcesIn(job), end_image_path: next ?? job.end_image_path };
  const { image_path: image, end_image_path: endImage } = sources;
  if (endImage && !(await exists(endImage))) throw imageGone();
  const isTaken = image && job.from_attempt_id === clip?.attempt_id && job.from_s === clip?.from_s;
  if (!clip || (isTaken && (await exists(image)))) return sources;
  const where = { endS: clip.from_s, lengthS: clip.length_s };
  const frame = await storeLastFrame(clip.attempt_id, where, signal).catch((error: unknown) => {
    const known = toAppError(error);
    throw signal.aborted || known.code !== 'INTERNAL' ? known : previousClipMissing(error);
  });
  return { ...sources, image_path: frame, from_attempt_id: clip.attempt_id, from_s: clip.from_s };
}

/** The error of a shot that starts from the one before it, which has no clip. */
const previousClipMissing = (cause?: unknown): AppError =>
  new AppError(
    'PREVIOUS_CLIP_MISSING',
    'This workspace starts from the clip of the one before it, which has none; generate that one first, or set start to "image".',
    { cause },
  );

const imageGone = (): AppError => new AppError('IMAGE_MISSING', 'The file of the end image is gone; upload it again.');

const nextImageMissing = (): AppError =>
  new AppError(
    'NEXT_IMAGE_MISSING',
    'This workspace ends on the image of the one after it, which has none; add one there, or set end to something else.',
  );

const exists = (image: string): Promise<boolean> =>
  access(imageFile(image)).then(
    () => true,
    () => false,
  );
