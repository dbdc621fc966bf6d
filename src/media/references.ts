import { urlsOfOpenExports } from '../db/export-queue';
import { Film, type StoredFilm } from '../db/film';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { uploadName } from './uploads';

/** The fields of a workspace that `attemptIdsOf` needs. */
export const attemptFields = { 'video.attempt_id': 1, 'takes.attempt_id': 1, job: 1, superseded: 1 };

/** Every attempt whose clip a workspace has or may still get. */
export const attemptIdsOf = ({ video, takes, ...stored }: StoredWorkspace): string[] =>
  [video, ...(takes ?? []), ...jobsOf(stored)]
    .map((attempt) => attempt?.attempt_id)
    .filter((id) => typeof id === 'string');

/** The names, without extension, of all files that workspaces, films and exports on their way refer to, the trash included. */
export async function referredNames(): Promise<Set<string>> {
  const names = new Set<string>();
  const fields = { ...attemptFields, ...sentPictures, image_path: 1, end_image_path: 1 };
  const all = Workspace.find({}, fields).lean<StoredWorkspace[]>();
  for await (const workspace of all) {
    for (const { image_path, end_image_path } of [workspace, ...jobsOf(workspace)])
      for (const image of [image_path, end_image_path]) if (image) names.add(uploadName(image));
    for (const image of sentPicturesOf(workspace)) names.add(uploadName(image));
    for (const attemptId of attemptIdsOf(workspace)) names.add(attemptId);
  }
  for await (const { settings } of Film.find({}, { 'settings.music_path': 1 }).lean<StoredFilm[]>())
    if (settings?.music_path) names.add(uploadName(settings.music_path));
  for (const url of await urlsOfOpenExports()) names.add(uploadName(url));
  return names;
}

/** The pictures that a video and the takes were made from, which a workspace may not have any more. */
const sentPictures = { 'video.image_url': 1, 'video.end_image_url': 1, 'takes.image_url': 1, 'takes.end_image_url': 1 };

const sentPicturesOf = ({ video, takes }: StoredWorkspace): string[] =>
  [video, ...(takes ?? [])]
    .flatMap((made) => [made?.image_url, made?.end_image_url])
    .filter((url) => typeof url === 'string');

const jobsOf = (stored: Pick<StoredWorkspace, 'job' | 'superseded'>) => [
  ...(stored.job ? [stored.job] : []),
  ...(stored.superseded ?? []),
];
