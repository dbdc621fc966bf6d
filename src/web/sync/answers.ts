import type { ErrorBody } from '../../contract/errors';
import type { ServerMessage } from '../../contract/messages';
import type { Changes } from '../../contract/workspace';
import type { Broadcasts } from './broadcasts';
import type { Delivery } from './delivery';
import type { FilmList } from './film-list';
import type { List } from './list';
import type { Waiting } from './outbox';
import { overwrittenBy } from './overwritten';
import type { Persistence } from './persist';
import { advance, withChanges } from './replica';
import type { Snapshots } from './snapshot';
import { dropSettled, isOfFilm, type ClientState } from './state';

type Parts = {
  state: ClientState;
  films: FilmList;
  list: List;
  broadcasts: Broadcasts;
  delivery: Delivery;
  persistence: Persistence;
  snapshots: Snapshots;
};
type Confirmation = Extract<ServerMessage, { type: 'workspace.sync_confirm' }>;

/** What was deleted elsewhere needs neither to be deleted nor to be created again. */
const goneAnyway = new Set<string>([
  'workspace.delete WORKSPACE_NOT_FOUND',
  'workspace.create WORKSPACE_NOT_FOUND',
  'film.delete FILM_NOT_FOUND',
  'film.create FILM_NOT_FOUND',
]);
const retryLater = new Set<string>(['DATABASE_UNAVAILABLE', 'BUSY', 'TOO_MANY']);

/** Makes the function that acts on the answer to a message: acknowledged, refused, or to be sent again. */
export function createAnswers(
  { state, films, list, broadcasts, delivery, persistence, snapshots }: Parts,
  onOverwritten: (id: string, values: Changes) => void = () => undefined,
) {
  function answered(entry: Waiting, answer: ServerMessage): void {
    entry.isInFlight = false;
    if (answer.type === 'error') return failed(entry, answer);
    if (answer.type === 'workspace.sync_confirm') acknowledge(entry, answer);
    else if (answer.type.startsWith('film.')) filmAnswered(entry, answer);
    else {
      remove(entry);
      if (isOrderOfAnotherFilm(entry)) snapshots.refresh();
      else broadcasts.apply(answer, entry.message.type === 'workspace.create' ? entry.message.before_id : undefined);
      // The answer to a repeated message may include what others have changed since.
      if (entry.sends > 1) void list.load();
    }
    delivery.sendReady();
  }

  const isOrderOfAnotherFilm = ({ message }: Waiting): boolean =>
    message.type === 'workspace.reorder' && !isOfFilm(state, message);

  function filmAnswered(entry: Waiting, answer: ServerMessage): void {
    remove(entry);
    if (answer.type === 'film.sync_confirm') films.applyOwn(entry, answer.version, answer.updated_at);
    else films.apply(answer);
    // A repeated message may be answered long after others have changed the film again.
    if (entry.sends > 1) void films.load();
  }

  function acknowledge(entry: Waiting, answer: Confirmation): void {
    const { workspace_id: id, version } = answer;
    const { acknowledgedVersions } = state;
    acknowledgedVersions.set(id, Math.max(version, acknowledgedVersions.get(id) ?? 0));
    entry.settledBy = settledBy(entry, answer, list.nextLoad());
    const lost = overwrittenBy(state, entry, answer);
    applyOwnUpdate(state, entry, answer);
    const isShown = state.replica.byId.has(id);
    if (isShown && Object.keys(lost).length > 0) onOverwritten(id, lost);
    dropSettled(state);
    if (state.outbox.includes(entry)) {
      if ('load' in entry.settledBy) void list.load();
      else broadcasts.loadAfterGap();
    }
    persistence.persist();
    snapshots.refresh(workspacesOf(entry));
  }

  function failed(entry: Waiting, error: ErrorBody): void {
    if (retryLater.has(error.code)) return delivery.sendLater(entry);
    remove(entry);
    const isGoneAnyway = goneAnyway.has(`${entry.message.type} ${error.code}`);
    if (!isGoneAnyway) state.refused = [...state.refused, { message: entry.message, error: errorOf(error) }];
    persistence.persist();
    snapshots.refresh(workspacesOf(entry));
    snapshots.refreshFilms();
    delivery.sendReady();
  }

  function remove(entry: Waiting): void {
    state.outbox = state.outbox.filter((other) => other !== entry);
    persistence.persist();
  }

  return answered;
}

/** What the replica must have before an acknowledged message can be dropped. */
function settledBy({ message, sends }: Waiting, { version, kept }: Confirmation, nextLoad: number) {
  // Of a repeated message, only the list knows what its first sending did, and what others wrote over it.
  if (sends > 1) return { load: nextLoad };
  return message.type === 'workspace.update' && kept ? { load: nextLoad } : { version };
}

/** The server tells its author only the version of an update; the values are here. */
function applyOwnUpdate({ replica }: ClientState, { message, sends }: Waiting, confirmation: Confirmation): void {
  const { version, updated_at: updatedAt, kept } = confirmation;
  if (message.type !== 'workspace.update' || sends > 1 || kept) return;
  advance(replica, message.workspace_id, version, (base) => ({
    ...withChanges(base, message.updates),
    updated_at: updatedAt,
  }));
}

const errorOf = ({ code, message, details }: ErrorBody): ErrorBody => ({ code, message, ...(details && { details }) });

const workspacesOf = ({ message }: Waiting): string[] => ('workspace_id' in message ? [message.workspace_id] : []);
