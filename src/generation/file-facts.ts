import { trusted } from 'mongoose';
import type { FileFacts } from '../contract/video';
import { versionedUpdate } from '../db/updates';
import { Workspace, type StoredWorkspace } from '../db/workspace';
import { ffmpegPath } from '../media/ffmpeg';
import { readFileFacts } from '../media/file-facts';
import { hasVideo } from '../media/videos';
import { logger } from '../utils/logger';
import { readFields } from './attempt';
import { broadcast, dotted } from './store';

/** Fills in the facts of earlier clips in the background, until the returned function is called. */
export function startFillingFacts(): () => void {
  const stop = new AbortController();
  void fillFileFacts(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) logger.warn('facts of clips not filled in', { error });
  });
  return () => stop.abort();
}

/**
 * Stores and broadcasts the facts of every clip that has none and whose file is on the disk, in the trash too; reads one file
 * at a time, each once. Rejects when `signal` aborts it, and may then be called again.
 */
export async function fillFileFacts(signal: AbortSignal): Promise<void> {
  if (!ffmpegPath()) return;
  const known = new Map<string, FileFacts>();
  let writes = 0;
  for (;;) {
    const before = writes;
    for (const [attemptId, workspaceIds] of await findUnread()) {
      signal.throwIfAborted();
      if (!hasVideo(attemptId)) continue;
      const facts = known.get(attemptId) ?? (await readFileFacts(attemptId, signal));
      known.set(attemptId, facts);
      writes += await storeFacts(attemptId, workspaceIds, facts);
    }
    // A film that was duplicated meanwhile has copies without facts, so the last round is one that finds nothing to store.
    if (writes === before) break;
  }
  if (writes > 0) logger.info('facts of clips filled in', { clips: known.size, writes });
}

/** The attempts whose clips have no facts, each with the workspaces that have such a clip. */
async function findUnread(): Promise<Map<string, string[]>> {
  const unread = new Map<string, string[]>();
  const filter = { $or: [missingInVideo('file_duration_s'), missingInTakes('file_duration_s')] };
  const fields = { 'video.status': 1, ...fieldsOf('video'), ...fieldsOf('takes') };
  for (const { _id, video, takes } of await Workspace.find(filter, fields).lean<StoredWorkspace[]>()) {
    const clips = video.status === 'completed' ? [video, ...takes] : takes;
    for (const { attempt_id: attemptId, file_duration_s: lengthS } of clips) {
      if (attemptId && lengthS === null) unread.set(attemptId, [...(unread.get(attemptId) ?? []), String(_id)]);
    }
  }
  return unread;
}

/** Stores the facts with each clip of the attempt, wherever it is by now; returns the number of writes. */
async function storeFacts(attemptId: string, workspaceIds: string[], facts: FileFacts): Promise<number> {
  // The file was removed in the meantime.
  if (facts.size === null) return 0;
  // Of a file that cannot be read, only the size is known.
  const missing = facts.file_duration_s === null ? 'size' : 'file_duration_s';
  const ofAttempt = { attempt_id: attemptId };
  const places = [
    { filter: missingInVideo(missing, ofAttempt), set: dotted('video', facts) },
    { filter: missingInTakes(missing, ofAttempt), set: dotted('takes.$', facts) },
  ];
  let writes = 0;
  for (const { filter, set } of places) while (await storeOne({ ...filter, ...among(workspaceIds) }, set)) writes++;
  return writes;
}

async function storeOne(filter: object, set: object): Promise<boolean> {
  const options = { returnDocument: 'after', projection: readFields } as const;
  const stored = await Workspace.findOneAndUpdate(filter, versionedUpdate(set), options).lean<StoredWorkspace>();
  if (stored) broadcast(stored, true);
  return stored !== null;
}

const missingInVideo = (fact: keyof FileFacts, of: object = {}) =>
  dotted('video', { status: 'completed', [fact]: null, ...of });
const missingInTakes = (fact: keyof FileFacts, of: object = {}) => ({
  takes: trusted({ $elemMatch: { [fact]: null, ...of } }),
});
const among = (ids: string[]) => ({ _id: trusted({ $in: ids }) });
const fieldsOf = (place: string) => dotted(place, { attempt_id: 1, file_duration_s: 1 });
