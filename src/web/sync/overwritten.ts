import type { ServerMessage } from '../../contract/messages';
import type { Changes } from '../../contract/workspace';
import type { Waiting } from './outbox';
import { valueOf } from './replica';
import type { ClientState } from './state';

type Confirmation = Extract<ServerMessage, { type: 'workspace.sync_confirm' }>;

const nameOf = (id: string, key: string): string => `${id} ${key}`;

/** Notes what a person saw in these fields before the first edit that is not acknowledged yet. */
export function noteSeen(state: ClientState, id: string, keys: string[]): void {
  const workspace = state.replica.byId.get(id);
  if (!workspace) return;
  for (const key of keys.filter((one) => !isPending(state, id, one))) {
    state.seen.set(nameOf(id, key), valueOf(workspace, key));
  }
}

/**
 * What became of an acknowledged update that met edits from elsewhere: by dotted key, the value that lost. It must be asked before
 * the update is applied to the replica. The server tells what it knew to be unseen; what was loaded or broadcast while the own
 * words covered the field was not seen either.
 */
export function overwrittenBy(state: ClientState, { message, sends }: Waiting, answer: Confirmation): Changes {
  if (message.type !== 'workspace.update') return {};
  const { workspace_id: id, updates } = message;
  const { replaced = {}, kept = [] } = answer;
  const stored = state.replica.byId.get(id);
  // A first sending may be in there already, and with a gap it is unknown whose value it is.
  const canCompare = stored && sends === 1 && !state.replica.outOfOrder.has(id);
  const told: Record<string, unknown> = replaced;
  const lost: Record<string, unknown> = {};
  for (const [key, own] of Object.entries(updates)) {
    const seen = state.seen.get(nameOf(id, key));
    const isSeen = !canCompare || !state.seen.has(nameOf(id, key)) || Object.is(valueOf(stored, key), seen);
    const other = key in told ? told[key] : isSeen ? own : valueOf(stored, key);
    if (kept.includes(key)) lost[key] = own;
    else if (!Object.is(other, own)) lost[key] = other;
    state.seen.set(nameOf(id, key), own);
  }
  return lost;
}

function isPending({ drafts, outbox }: ClientState, id: string, key: string): boolean {
  if (key in (drafts.get(id) ?? {})) return true;
  return outbox.some(
    ({ message }) => message.type === 'workspace.update' && message.workspace_id === id && key in message.updates,
  );
}
