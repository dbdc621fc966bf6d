import type { Batch } from '../../contract/batch';
import type { Workspace } from '../../contract/workspace';
import { getBatches } from '../api';
import { neighboursOf } from './neighbours';
import { announce, say, showToast } from './notices';
import { onConnected } from './on-connected';
import { getState, setState, type AppState } from './store';

type Item = Batch['items'][number];
type WithBatches = Pick<AppState, 'batches'>;
/** What it takes to tell why a shot was not started. */
export type WithUnsent = Pick<AppState, 'batches' | 'putAway'>;
type Row = Pick<AppState, 'ids' | 'byId'>;

/** Whether some of its shots are still being made, also after it was cancelled. */
const isUnderWay = ({ completed_at: at }: Batch): boolean => at === null;

/** Keeps the batches of this page's film: read at every connection, for what was told while there was none. */
export const watchBatches = (): void => onConnected(() => void loadBatches());

async function loadBatches(): Promise<void> {
  const { filmId } = getState();
  if (!filmId) return;
  await getBatches(filmId).then(
    (listed) => setState(({ batches }) => ({ batches: merged(listed, batches) })),
    () => undefined,
  );
}

/** The listed batches as they are known by now, behind those that were told since they were listed. */
function merged(listed: Batch[], known: readonly Batch[]): Batch[] {
  const newest = listed[0]?.created_at ?? '';
  const since = known.filter((one) => one.created_at > newest && !batchIn({ batches: listed }, one._id));
  return [...since, ...listed.map((one) => newer(one, batchIn({ batches: known }, one._id)))];
}

/** Takes in what the server tells of a batch; says to everybody when it has ended. */
export function batchTold(told: Batch): void {
  const { batches, filmId } = getState();
  if (told.film_id !== filmId) return;
  const before = batchIn({ batches }, told._id);
  const now = newer(told, before);
  setState({ batches: before ? batches.map((one) => (one === before ? now : one)) : [now, ...batches] });
  if (!before || !isUnderWay(before) || isUnderWay(now)) return;
  const words = batchWords(now);
  showToast(words);
  announce(words);
}

export const batchIn = ({ batches }: WithBatches, id: string | null): Batch | undefined =>
  batches.find(({ _id }) => _id === id);

/** The batch that is being made, the newest one where there are several. */
export const runningBatch = ({ batches }: WithBatches): Batch | undefined => batches.find(isUnderWay);

const countOf = ({ items }: Batch, state: Item['state']): number => items.filter((item) => item.state === state).length;

/** The shots of a batch that has ended which still lack the clip that it failed to make. */
export function failedIn(batch: Batch | undefined, { byId }: Pick<AppState, 'byId'>): string[] {
  if (!batch || isUnderWay(batch)) return [];
  const isOpen = ({ workspace_id: id, state }: Item) => {
    const video = byId[id]?.video;
    const isMadeSince = video?.status === 'completed' && (video.started_at ?? '') > batch.created_at;
    return state === 'failed' && video !== undefined && !isMadeSince;
  };
  return batch.items.filter(isOpen).map(({ workspace_id: id }) => id);
}

/**
 * Why the newest batch did not start a shot; null where it did, and once the shot was made or edited since, or that was put away. A charge
 * that is open is never hidden behind it.
 */
export function unsentReason(shot: Workspace, { batches, putAway }: WithUnsent): Item['reason'] {
  const [newest] = batches;
  const item = newest?.items.find(({ workspace_id: id }) => id === shot._id);
  if (!newest || item?.state !== 'failed' || item.attempt_id !== null) return null;
  const { status, error, started_at: startedAt } = shot.video;
  const isMadeSince = status === 'generating' || (startedAt ?? '') > newest.created_at;
  const isCharged = status === 'failed' && error !== null && error.charged !== 'no';
  const isEdited = newest.completed_at !== null && shot.updated_at > newest.completed_at;
  return isMadeSince || isCharged || isEdited || putAway.has(itemKey(newest, shot._id)) ? null : item.reason;
}

/** Puts away that the newest batch did not start a shot. */
export function putAwayUnsent(id: string): void {
  const { batches, putAway } = getState();
  if (batches[0]) setState({ putAway: new Set([...putAway, itemKey(batches[0], id)]) });
}

const itemKey = ({ _id }: Batch, id: string): string => `${_id} ${id}`;

/** How far a batch is, in words: what of it is made, failed and cancelled, and whether the rest is to be made no more. */
export function batchWords(batch: Batch): string {
  const [made, failed] = [countOf(batch, 'completed'), countOf(batch, 'failed')];
  const cancelled = countOf(batch, 'cancelled');
  return [
    isStopping(batch) && say('batch.stopping'),
    say('batch.progress', { made, count: batch.items.length }),
    failed > 0 && say('batch.progressFailed', { failed }),
    cancelled > 0 && say('batch.progressCancelled', { cancelled }),
  ]
    .filter(Boolean)
    .join('');
}

/** Which part of a batch has ended, made or not: 0 to 1. */
export const endedPart = ({ items }: Batch): number =>
  items.filter(({ state }) => state !== 'waiting' && state !== 'generating').length / items.length;

/** Whether a batch is cancelled while what was sent of it is still being made. */
export const isStopping = (batch: Batch): boolean => batch.status === 'cancelled' && isUnderWay(batch);

/** Whether a shot waits for its turn in a batch. */
export const isWaitingInBatch = (state: WithBatches, id: string): boolean => isInBatch(state, id, 'waiting');

const isInBatch = ({ batches }: WithBatches, id: string, state: Item['state']): boolean =>
  batches.some(
    (batch) => isUnderWay(batch) && batch.items.some((item) => item.workspace_id === id && item.state === state),
  );

/** The number of the shot whose clip a waiting shot needs first; null where it waits for its turn only. */
export function waitsForNumber(state: WithBatches & Row, id: string): number | null {
  if (state.byId[id]?.form_data.start !== 'previous') return null;
  const { previous } = neighboursOf(id, state);
  if (!previous) return null;
  const { _id: before, video } = previous;
  const isComing =
    video.status === 'generating' || isInBatch(state, before, 'waiting') || isInBatch(state, before, 'generating');
  return isComing ? state.ids.indexOf(before) + 1 : null;
}

const steps: Record<Item['state'], number> = { waiting: 0, generating: 1, completed: 2, failed: 2, cancelled: 2 };

/** The later one of two reports of a batch, which never goes back. */
const newer = (told: Batch, known: Batch | undefined): Batch =>
  known && stepsOf(known) > stepsOf(told) ? known : told;

const stepsOf = ({ items, status, completed_at: at }: Batch): number =>
  items.reduce((sum, { state }) => sum + steps[state], 0) + Number(status !== 'running') + Number(at !== null);
