import type { ServerMessage } from '../../contract/messages';
import type { List } from './list';
import type { Persistence } from './persist';
import { applyPush } from './replica';
import type { Snapshots } from './snapshot';
import type { ClientState } from './state';

type Parts = { state: ClientState; list: List; persistence: Persistence; snapshots: Snapshots };

const gapTimeoutMs = 150;

export type Broadcasts = ReturnType<typeof createBroadcasts>;

/** Applies what the server broadcasts to the replica, and loads the list where something is missing. */
export function createBroadcasts({ state, list, persistence, snapshots }: Parts) {
  /** Broadcasts that arrived before the first list of the connection. */
  let early: ServerMessage[] = [];
  let gapTimer: ReturnType<typeof setTimeout> | undefined;

  function apply(message: ServerMessage): void {
    const { id, isOrderChanged, hasGap } = applyPush(state.replica, message);
    if (isOrderChanged) list.structureChanged();
    if (hasGap && isOrderChanged) void list.load();
    else if (hasGap) loadAfterGap();
    snapshots.refresh([...(id ? [id] : []), ...persistence.settle()]);
  }

  function loadAfterGap(): void {
    clearTimeout(gapTimer);
    gapTimer = setTimeout(() => {
      if (state.replica.outOfOrder.size > 0 || state.outbox.some((entry) => entry.settledBy)) void list.load();
    }, gapTimeoutMs);
  }

  return {
    /** Applies a message at once. */
    apply,
    /** Applies a message, or keeps it until the first list of the connection is there. */
    receive: (message: ServerMessage): void => void (state.isReady ? apply(message) : early.push(message)),
    applyEarly: (): void => early.splice(0).forEach(apply),
    /** Loads the list unless the missing change, or the effect of each acknowledged message, arrives in time. */
    loadAfterGap,
    disconnected: (): void => void (early = []),
    stop: () => clearTimeout(gapTimer),
  };
}
