import { emptyForm, idleVideo, wholeClip } from '../../contract/defaults';
import { takesKept } from '../../contract/limits';
import type { Video } from '../../contract/video';
import type { Workspace } from '../../contract/workspace';
import type { ClientMessage, NewWorkspace } from './outbox';
import { insertAt, withChanges, type Replica } from './replica';
import { isOfFilm, type ClientState } from './state';

/** What the view of the film of a page is made of. */
type Parts = Pick<ClientState, 'filmId' | 'replica' | 'outbox' | 'drafts'>;

/** The order that a person sees: the server's order with the waiting edits applied. */
export function viewOrder(state: Parts): string[] {
  const { replica, outbox } = state;
  let order = replica.order;
  for (const { message } of outbox) {
    if (isOfAnotherFilm(state, message)) continue;
    // One that was deleted before this page came is shown when the server has told of it.
    if (message.type === 'workspace.restore' && !isKnown(state, message.workspace_id)) continue;
    order = reorderedBy(replica, order, message);
  }
  return order;
}

/** A page takes over the edits of pages that are gone, also of those of another film. */
const isOfAnotherFilm = (state: Parts, message: ClientMessage): boolean =>
  (message.type === 'workspace.create' || message.type === 'workspace.reorder') && !isOfFilm(state, message);

const isKnown = (state: Parts, id: string): boolean =>
  state.replica.byId.has(id) ||
  state.replica.trash.has(id) ||
  state.outbox.some(
    ({ message }) =>
      message.type === 'workspace.create' && message.workspace_id === id && !isOfAnotherFilm(state, message),
  );

/** The workspace that a person sees: the server's workspace with the waiting edits applied; undefined where nothing is known. */
export function viewWorkspace({ filmId, replica, outbox, drafts }: Parts, id: string): Workspace | undefined {
  let view = replica.byId.get(id) ?? replica.trash.get(id)?.workspace;
  for (const { message } of outbox) {
    if (!('workspace_id' in message) || message.workspace_id !== id) continue;
    if (message.type === 'workspace.create') view ??= provisional(id, message.data, filmId);
    if (view && message.type === 'workspace.update') view = withChanges(view, message.updates);
    if (view && message.type === 'workspace.choose_take') view = withTake(view, message);
    if (view && message.type === 'workspace.dismiss') view = withoutFailure(view, message.attempt_id);
  }
  const draft = drafts.get(id);
  return view && draft ? withChanges(view, draft) : view;
}

function reorderedBy(replica: Replica, order: string[], message: ClientMessage): string[] {
  if (message.type === 'workspace.create') {
    if (order.includes(message.workspace_id)) return order;
    const before = message.before_id === undefined ? -1 : order.indexOf(message.before_id);
    return insertAt(order, message.workspace_id, before < 0 ? order.length : before);
  }
  if (message.type === 'workspace.delete') return order.filter((id) => id !== message.workspace_id);
  if (message.type === 'workspace.restore') {
    if (order.includes(message.workspace_id)) return order;
    const { workspace_id: id } = message;
    return insertAt(order, id, replica.trash.get(id)?.index ?? placeBack(replica, order, id));
  }
  if (message.type !== 'workspace.reorder') return order;
  const present = new Set(order);
  const named = [...new Set(message.workspace_ids)].filter((id) => present.has(id));
  const isNamed = new Set(named);
  return [...named, ...order.filter((id) => !isNamed.has(id))];
}

/** Where a workspace goes back to that the server has not deleted yet: behind what it stood behind. */
function placeBack(replica: Replica, order: string[], id: string): number {
  const place = replica.order.indexOf(id);
  if (place < 0) return order.length;
  const previous = replica.order.slice(0, place).findLast((other) => order.includes(other));
  return previous === undefined ? 0 : order.indexOf(previous) + 1;
}

function provisional(
  id: string,
  { image_path: path = null, end_image_path: endPath = null, form_data: form }: NewWorkspace,
  filmId: string | null,
): Workspace {
  const now = new Date().toISOString();
  return {
    _id: id,
    film_id: filmId ?? '',
    order_index: Number.MAX_SAFE_INTEGER,
    image_path: path,
    image_url: path && `/${path}`,
    end_image_path: endPath,
    end_image_url: endPath && `/${endPath}`,
    form_data: { ...emptyForm, ...form },
    cut: wholeClip,
    video: idleVideo,
    takes: [],
    ai_collaboration: [],
    version: 0,
    created_at: now,
    updated_at: now,
  };
}

type ChosenTake = Extract<ClientMessage, { type: 'workspace.choose_take' }>;

function withTake(workspace: Workspace, { attempt_id: attemptId, with_form: withForm }: ChosenTake): Workspace {
  const chosen = workspace.takes.find((take) => take.attempt_id === attemptId);
  if (!chosen) return workspace;
  const form = withForm && chosen.form_data ? { form_data: chosen.form_data } : {};
  const others = workspace.takes.filter((take) => take !== chosen);
  const front: Video[] = workspace.video.status === 'completed' ? [workspace.video] : [];
  return { ...workspace, ...form, video: chosen, takes: [...front, ...others].slice(0, takesKept) };
}

function withoutFailure(workspace: Workspace, attemptId: string): Workspace {
  const { video, takes } = workspace;
  if (video.status !== 'failed' || video.attempt_id !== attemptId) return workspace;
  return { ...workspace, video: takes[0] ?? idleVideo, takes: takes.slice(1) };
}
