import type { ServerMessage } from '../contract/messages';
import type { Video } from '../contract/video';
import type { Changes, Workspace } from '../contract/workspace';
import { emptyForm, idleVideo, maxAiEntries, maxTakes } from './defaults';
import type { ClientMessage, Drafts, NewWorkspace, Waiting } from './sync-outbox';

type Step = { version: number; patch: (base: Workspace) => Workspace };

/** What the server is known to hold. */
export type Replica = {
  byId: Map<string, Workspace>;
  order: string[];
  /** Whether each order_index is that of the server: a new order tells the ids only. */
  arePlacesKnown: boolean;
  /** What left the list in this session, with its place, so that bringing it back can be shown at once. */
  trash: Map<string, { workspace: Workspace; index: number }>;
  /** Changes that arrived before the one that precedes them. */
  ahead: Map<string, Step[]>;
};

export const createReplica = (): Replica => ({
  byId: new Map(),
  order: [],
  arePlacesKnown: true,
  trash: new Map(),
  ahead: new Map(),
});

/**
 * Replaces the list, keeping whatever is newer here; returns the ids that changed. The first list of a connection is the truth
 * whatever is known: the database may have been restored to an older day.
 */
export function loadList(replica: Replica, list: Workspace[], { isFirst = false } = {}): string[] {
  if (isFirst) replica.ahead.clear();
  const touched = new Set<string>();
  const listed = new Set(list.map((workspace) => workspace._id));
  for (const id of replica.order) {
    if (listed.has(id)) continue;
    touched.add(id);
    removeWorkspace(replica, id);
  }
  for (const workspace of list) {
    const known = replica.byId.get(workspace._id);
    if (known && (isFirst ? isSame(known, workspace) : known.version >= workspace.version)) {
      replica.byId.set(workspace._id, { ...known, order_index: workspace.order_index });
      continue;
    }
    replica.byId.set(workspace._id, workspace);
    replica.trash.delete(workspace._id);
    catchUp(replica, workspace._id);
    touched.add(workspace._id);
  }
  replica.order = list.map((workspace) => workspace._id);
  replica.arePlacesKnown = true;
  return [...touched];
}

/** Whether both are one stored state, and not two of the same number on either side of a restore. */
const isSame = (known: Workspace, listed: Workspace): boolean =>
  known.version === listed.version && known.updated_at === listed.updated_at;

export type Applied = { id?: string; isOrderChanged?: boolean; hasGap?: boolean };

/** Takes in what the server tells; older than what is known changes nothing, and a gap is reported and waits. */
export function applyPush(replica: Replica, message: ServerMessage): Applied {
  switch (message.type) {
    case 'workspace.created':
      return insertWorkspace(replica, message.workspace);
    case 'workspace.deleted':
      removeWorkspace(replica, message.workspace_id);
      return { id: message.workspace_id, isOrderChanged: true };
    case 'workspace.reordered':
    case 'workspace.reorder_confirm':
      replica.order = message.workspace_ids.filter((id) => replica.byId.has(id));
      replica.arePlacesKnown = false;
      return { isOrderChanged: true, hasGap: replica.order.length !== message.workspace_ids.length };
    case 'workspace.updated':
      return advance(replica, message.workspace_id, message.version, (base) => withChanges(base, message.changes));
    case 'video.status_update': {
      const { video, takes, changes = {} } = message;
      return advance(replica, message.workspace_id, message.version, (base) => ({
        ...withChanges(base, changes),
        video,
        ...(takes && { takes }),
      }));
    }
    case 'ai.suggestion':
      return advance(replica, message.workspace_id, message.version, (base) => ({
        ...base,
        ai_collaboration: [...base.ai_collaboration, message.entry].slice(-maxAiEntries),
      }));
    default:
      return {};
  }
}

/** Steps a workspace to the next version; a later version waits for the ones before it. */
export function advance(replica: Replica, id: string, version: number, patch: Step['patch']): Applied {
  const base = replica.byId.get(id);
  if (!base || version <= base.version) return {};
  const steps = [...(replica.ahead.get(id) ?? []), { version, patch }];
  replica.ahead.set(
    id,
    steps.sort((a, b) => a.version - b.version),
  );
  catchUp(replica, id);
  return { id, hasGap: replica.ahead.has(id) };
}

/** Takes the waiting steps that follow the known version; older ones are in it already. */
function catchUp(replica: Replica, id: string): void {
  const steps = replica.ahead.get(id) ?? [];
  let next = replica.byId.get(id)!;
  while (steps.length > 0 && steps[0]!.version <= next.version + 1) {
    const step = steps.shift()!;
    if (step.version === next.version + 1) next = { ...step.patch(next), version: step.version };
  }
  replica.byId.set(id, next);
  if (steps.length === 0) replica.ahead.delete(id);
}

/** The order that a person sees: the server's, and on top of it what waits. */
export function viewOrder(replica: Replica, outbox: Waiting[]): string[] {
  let order = replica.order;
  for (const { message } of outbox) order = reorderedBy(replica, order, message);
  return order;
}

/** The workspace that a person sees: the server's, and on top of it what waits; undefined where nothing is known. */
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

/** A copy with dotted keys set; untouched parts are the same objects. */
export function withChanges(workspace: Workspace, changes: Changes): Workspace {
  const next = { ...workspace, form_data: { ...workspace.form_data } };
  const form: Record<string, unknown> = next.form_data;
  for (const [key, value] of Object.entries(changes)) {
    if (key.startsWith('form_data.')) form[key.slice('form_data.'.length)] = value;
  }
  const { image_path: path, image_url: url } = changes;
  if (path !== undefined) next.image_path = path;
  if (path !== undefined || url !== undefined) next.image_url = url ?? (path ? `/${path}` : null);
  return next;
}

function insertWorkspace(replica: Replica, workspace: Workspace): Applied {
  const { _id: id } = workspace;
  const known = replica.byId.get(id);
  if (!known || known.version < workspace.version) {
    replica.byId.set(id, workspace);
    catchUp(replica, id);
  }
  if (known) return { id };

  const kept = replica.trash.get(id);
  const isLast =
    replica.arePlacesKnown &&
    replica.order.every((other) => replica.byId.get(other)!.order_index < workspace.order_index);
  replica.order = isLast ? [...replica.order, id] : insertAt(replica.order, id, kept?.index ?? replica.order.length);
  replica.trash.delete(id);
  // Then only the server knows the place for certain, such as that of one that came back from the trash.
  return { id, isOrderChanged: true, hasGap: !isLast };
}

function removeWorkspace(replica: Replica, id: string): void {
  const workspace = replica.byId.get(id);
  if (!workspace) return;
  replica.trash.set(id, { workspace, index: replica.order.indexOf(id) });
  replica.byId.delete(id);
  replica.ahead.delete(id);
  replica.order = replica.order.filter((other) => other !== id);
}

function reorderedBy(replica: Replica, order: string[], message: ClientMessage): string[] {
  if (message.type === 'workspace.create') {
    return order.includes(message.workspace_id) ? order : [...order, message.workspace_id];
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

const insertAt = (order: string[], id: string, index: number): string[] => [
  ...order.slice(0, index),
  id,
  ...order.slice(index),
];
