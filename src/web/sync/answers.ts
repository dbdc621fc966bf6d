import type { ErrorBody } from '../../contract/errors';
import type { ServerMessage } from '../../contract/messages';
import type { Broadcasts } from './broadcasts';
import type { Delivery } from './delivery';
import type { List } from './list';
import type { Waiting } from './outbox';
import type { Persistence } from './persist';
import { advance, withChanges } from './replica';
import type { Snapshots } from './snapshot';
import { dropSettled, type ClientState } from './state';

type Parts = {
  state: ClientState;
  list: List;
  broadcasts: Broadcasts;
  delivery: Delivery;
  persistence: Persistence;
  snapshots: Snapshots;
};
type Confirmation = Extract<ServerMessage, { type: 'workspace.sync_confirm' }>;

/** A shot that was deleted elsewhere needs neither to be deleted nor to be created again. */
const goneAnyway = new Set<string>(['workspace.delete', 'workspace.create']);
const retryLater = new Set<string>(['DATABASE_UNAVAILABLE', 'BUSY', 'TOO_MANY']);

/** Makes the function that acts on the answer to a message: acknowledged, refused, or to be sent again. */
export function createAnswers({ state, list, broadcasts, delivery, persistence, snapshots }: Parts) {
  function answered(entry: Waiting, answer: ServerMessage): void {
    entry.isInFlight = false;
    if (answer.type === 'error') return failed(entry, answer);
    if (answer.type === 'workspace.sync_confirm') acknowledge(entry, answer);
    else {
      remove(entry);
      broadcasts.apply(answer);
      // The answer to a repeated message may include what others have changed since.
      if (entry.sends > 1) void list.load();
    }
    delivery.sendReady();
  }

  function acknowledge(entry: Waiting, answer: Confirmation): void {
    const { workspace_id: id, version } = answer;
    const { acknowledgedVersions } = state;
    acknowledgedVersions.set(id, Math.max(version, acknowledgedVersions.get(id) ?? 0));
    entry.settledBy = settledBy(entry, answer, list.nextLoad());
    applyOwnUpdate(state, entry, answer);
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
    const isGoneAnyway = goneAnyway.has(entry.message.type) && error.code === 'WORKSPACE_NOT_FOUND';
    if (!isGoneAnyway) state.refused = [...state.refused, { message: entry.message, error: errorOf(error) }];
    persistence.persist();
    snapshots.refresh(workspacesOf(entry));
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
