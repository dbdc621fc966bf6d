import type { Changes } from '../../contract/workspace';
import { defaultFilmOf } from './films';
import { newId } from './new-id';
import { noteSeen } from './overwritten';
import { append, type ClientMessage, type NewWorkspace, type Refused, type StoredOutbox } from './outbox';
import type { Persistence } from './persist';
import type { Snapshots } from './snapshot';
import { nameFilm, prependStored, withBase, type ClientState } from './state';
import { createTimers } from './timers';

type Parts = { state: ClientState; persistence: Persistence; snapshots: Snapshots };

export type EditOptions = { debounceMs?: number };

/** What a person does: it is shown at once, and becomes a message that waits to be sent. */
export function createEdits({ state, persistence, snapshots }: Parts, { debounceMs = 300 }: EditOptions) {
  const typingTimers = createTimers();

  function update(id: string, changes: Changes): void {
    noteSeen(state, id, Object.keys(changes));
    state.drafts.set(id, { ...state.drafts.get(id), ...changes });
    for (const key of Object.keys(changes)) {
      typingTimers.set(`${id} ${key}`, () => sendDraft(id, [key]), debounceMs);
    }
    persistence.persist();
    snapshots.refresh([id]);
  }

  /** Turns the draft of these fields, or the whole draft of the workspace, into a message. */
  function sendDraft(id: string, keys = Object.keys(state.drafts.get(id) ?? {})): void {
    keys.forEach((key) => typingTimers.clear(`${id} ${key}`));
    const updates = takeDraft(state, id, keys);
    if (Object.keys(updates).length === 0) return;
    enqueue({ type: 'workspace.update', request_id: newId(), workspace_id: id, updates });
  }

  function flush(): void {
    for (const id of [...state.drafts.keys()]) sendDraft(id);
  }

  function enqueue(message: ClientMessage): void {
    // What was typed before goes out before; an update is what the typing itself becomes.
    if ('workspace_id' in message && message.type !== 'workspace.update') sendDraft(message.workspace_id);
    append(state.outbox, withBase(state, message));
    persistence.persist();
    snapshots.refresh('workspace_id' in message ? [message.workspace_id] : []);
  }

  return {
    update,
    /** Turns everything that is typed into messages now, without waiting for a pause in the typing. */
    flush,
    create(data: NewWorkspace = {}, id: string = newId(), beforeId?: string): string {
      const place = beforeId && { before_id: beforeId };
      enqueue({ type: 'workspace.create', request_id: newId(), workspace_id: id, ...ownFilm(state), data, ...place });
      return id;
    },
    delete: (id: string) => enqueue({ type: 'workspace.delete', request_id: newId(), workspace_id: id }),
    restore: (id: string) => enqueue({ type: 'workspace.restore', request_id: newId(), workspace_id: id }),
    reorder: (ids: string[]) =>
      enqueue({ type: 'workspace.reorder', request_id: newId(), ...ownFilm(state), workspace_ids: ids }),
    chooseTake: (id: string, attemptId: string, withForm = false) =>
      enqueue({
        type: 'workspace.choose_take',
        request_id: newId(),
        workspace_id: id,
        attempt_id: attemptId,
        ...(withForm && { with_form: true }),
      }),
    dismissFailure: (id: string, attemptId: string) =>
      enqueue({ type: 'workspace.dismiss', request_id: newId(), workspace_id: id, attempt_id: attemptId }),
    dismiss(entry?: Refused): void {
      state.refused = entry ? state.refused.filter((other) => other !== entry) : [];
      persistence.persist();
      snapshots.refresh();
    },
    /** Makes the edits of a page that is gone edits of this page; its drafts become messages. */
    takeOver: (stored: StoredOutbox): void => {
      prependStored(state, stored);
      nameFilm(state, defaultFilmOf(state.films));
      for (const [id, draft] of stored.drafts) sendDraft(id, Object.keys(draft));
    },
  };
}

/** Named in a message, since a page of another film may have to send it. */
const ownFilm = ({ filmId }: ClientState) => (filmId ? { film_id: filmId } : {});

/** Takes these fields out of the draft of a workspace; what remains is still a draft. */
function takeDraft({ drafts }: ClientState, id: string, keys: string[]): Changes {
  const rest: Record<string, unknown> = { ...drafts.get(id) };
  const taken: Record<string, unknown> = {};
  for (const key of keys) {
    if (!(key in rest)) continue;
    taken[key] = rest[key];
    delete rest[key];
  }
  if (Object.keys(rest).length > 0) drafts.set(id, rest);
  else drafts.delete(id);
  return taken;
}
