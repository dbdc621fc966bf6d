import { Workspace, type StoredWorkspace } from '../db/workspace';
import { uploadName } from './uploads';

/** The fields of a workspace that `attemptIdsOf` needs. */
export const attemptFields = { 'video.attempt_id': 1, 'takes.attempt_id': 1, job: 1, superseded: 1 };

/** Every attempt that a workspace refers to, whose clip it has or may still get. */
export const attemptIdsOf = ({ video, takes, ...stored }: StoredWorkspace): string[] =>
  [video, ...(takes ?? []), ...jobsOf(stored)]
    .map((attempt) => attempt?.attempt_id)
    .filter((id) => typeof id === 'string');

/** The names, without extension, of all images and clips that workspaces refer to, including those in the trash. */
export async function referredNames(): Promise<Set<string>> {
  const names = new Set<string>();
  const all = Workspace.find({}, { ...attemptFields, image_path: 1 }).lean<StoredWorkspace[]>();
  for await (const workspace of all) {
    for (const { image_path: image } of [workspace, ...jobsOf(workspace)]) if (image) names.add(uploadName(image));
    for (const attemptId of attemptIdsOf(workspace)) names.add(attemptId);
  }
  return names;
}

const jobsOf = (stored: Pick<StoredWorkspace, 'job' | 'superseded'>) => [
  ...(stored.job ? [stored.job] : []),
  ...(stored.superseded ?? []),
];
