import type { Video } from '../../contract/video';
import type { Workspace } from '../../contract/workspace';
import { emptyForm, idleVideo, maxTakes } from '../defaults';
import type { ClientMessage, Drafts, NewWorkspace, Waiting } from './outbox';
import { insertAt, withChanges, type Replica } from './replica';

/** The order that a person sees: the server's order with the waiting edits applied. */
export function viewOrder(replica: Replica, outbox: Waiting[]): string[] {
  let order = replica.order;
  for (const { message } of outbox) {
    // One that was deleted before this page came is shown when the server has told of it.
    if (message.type === 'workspace.restore' && !isKnown(replica, outbox, message.workspace_id)) continue;
    order = reorderedBy(replica, order, message);
  }
  return order;
}

const isKnown = (replica: Replica, outbox: Waiting[], id: string): boolean =>
  replica.byId.has(id) ||
  replica.trash.has(id) ||
  outbox.some(({ message }) => message.type === 'workspace.create' && message.workspace_id === id);

/** The workspace that a person sees: the server's workspace with the waiting edits applied; undefined where nothing is known. */
export function viewWorkspace(replica: Replica, outbox: Waiting[], drafts: Drafts, id: string): Workspace | undefined {
  let view = replica.byId.get(id) ?? replica.trash.get(id)?.workspace;
  for (const { message } of outbox) {
    if (message.type === 'workspace.reorder' || message.workspace_id !== id) continue;
    if (message.type === 'workspace.create') view ??= provisional(id, message.data);
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
    return insertAt(order, message.workspace_id, replica.trash.get(message.workspace_id)?.index ?? order.length);
  }
  if (message.type !== 'workspace.reorder') return order;
  const present = new Set(order);
  const named = [...new Set(message.workspace_ids)].filter((id) => present.has(id));
  const isNamed = new Set(named);
  return [...named, ...order.filter((id) => !isNamed.has(id))];
}

function provisional(id: string, { image_path: path = null, form_data: form }: NewWorkspace): Workspace {
  const now = new Date().toISOString();
  return {
    _id: id,
    order_index: Number.MAX_SAFE_INTEGER,
    image_path: path,
    image_url: path && `/${path}`,
    form_data: { ...emptyForm, ...form },
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
  return { ...workspace, ...form, video: chosen, takes: [...front, ...others].slice(0, maxTakes) };
}

function withoutFailure(workspace: Workspace, attemptId: string): Workspace {
  const { video, takes } = workspace;
  if (video.status !== 'failed' || video.attempt_id !== attemptId) return workspace;
  return { ...workspace, video: takes[0] ?? idleVideo, takes: takes.slice(1) };
}
