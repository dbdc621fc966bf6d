import { aiEntriesKept } from '../../contract/limits';
import type { ServerMessage } from '../../contract/messages';
import type { Changes, Workspace } from '../../contract/workspace';

/** A picture is told by its path, its URL, or both. */
const imageKeys = [
  ['image_path', 'image_url'],
  ['end_image_path', 'end_image_url'],
] as const;

type Step = { version: number; patch: (base: Workspace) => Workspace };

/** What the server is known to hold. */
export type Replica = {
  byId: Map<string, Workspace>;
  order: string[];
  /** Whether each order_index is the server's; a broadcast of a new order carries the ids only. */
  arePlacesKnown: boolean;
  /** Workspaces deleted in this session, with their places: one that is restored is shown at once. */
  trash: Map<string, { workspace: Workspace; index: number }>;
  /** By workspace, the changes that arrived before the change that precedes them. */
  outOfOrder: Map<string, Step[]>;
};

export const createReplica = (): Replica => ({
  byId: new Map(),
  order: [],
  arePlacesKnown: true,
  trash: new Map(),
  outOfOrder: new Map(),
});

/**
 * Replaces the list, but keeps workspaces that are newer here; returns the ids that changed. The first list of a connection
 * overrides everything known: the database may have been restored from an older backup.
 */
export function loadList(replica: Replica, list: Workspace[], { isFirst = false } = {}): string[] {
  if (isFirst) replica.outOfOrder.clear();
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

/** Whether both are the same stored state; after a restore, two different states can have the same version. */
const isSame = (known: Workspace, listed: Workspace): boolean =>
  known.version === listed.version && known.updated_at === listed.updated_at;

export type Applied = { id?: string; isOrderChanged?: boolean; hasGap?: boolean };

/**
 * Applies what the server broadcasts. A version that is older than the known one changes nothing; a gap is reported.
 * `beforeId` is what the message that made a workspace asked for, where this page sent it.
 */
export function applyPush(replica: Replica, message: ServerMessage, beforeId?: string): Applied {
  switch (message.type) {
    case 'workspace.created':
      return insertWorkspace(replica, message.workspace, beforeId);
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
        ai_collaboration: [...base.ai_collaboration, message.entry].slice(-aiEntriesKept),
      }));
    default:
      return {};
  }
}

/** Brings a workspace to the next version; a later version waits for the versions before it. */
export function advance(replica: Replica, id: string, version: number, patch: Step['patch']): Applied {
  const base = replica.byId.get(id);
  if (!base || version <= base.version) return {};
  const steps = [...(replica.outOfOrder.get(id) ?? []), { version, patch }];
  replica.outOfOrder.set(
    id,
    steps.sort((a, b) => a.version - b.version),
  );
  catchUp(replica, id);
  return { id, hasGap: replica.outOfOrder.has(id) };
}

/** Applies the waiting steps that follow the known version; it includes the older ones. */
function catchUp(replica: Replica, id: string): void {
  const steps = replica.outOfOrder.get(id) ?? [];
  let next = replica.byId.get(id)!;
  while (steps.length > 0 && steps[0]!.version <= next.version + 1) {
    const step = steps.shift()!;
    if (step.version === next.version + 1) next = { ...step.patch(next), version: step.version };
  }
  replica.byId.set(id, next);
  if (steps.length === 0) replica.outOfOrder.delete(id);
}

/** A copy with the dotted keys set; untouched parts are the same objects. */
export function withChanges(workspace: Workspace, changes: Changes): Workspace {
  const next = { ...workspace };
  const parts: Record<string, unknown> = next;
  for (const [key, value] of Object.entries(changes)) {
    const [part = '', field] = key.split('.');
    if (field !== undefined) parts[part] = { ...(parts[part] as object), [field]: value };
  }
  for (const [pathKey, urlKey] of imageKeys) {
    const { [pathKey]: path, [urlKey]: url } = changes;
    if (path !== undefined) next[pathKey] = path;
    if (path !== undefined || url !== undefined) next[urlKey] = url ?? (path ? `/${path}` : null);
  }
  return next;
}

/** The value under a dotted key of a workspace. */
export function valueOf(workspace: Workspace, key: string): unknown {
  const [part = '', field] = key.split('.');
  const value = (workspace as Record<string, unknown>)[part];
  return field === undefined ? value : (value as Record<string, unknown>)[field];
}

function insertWorkspace(replica: Replica, workspace: Workspace, beforeId?: string): Applied {
  const { _id: id } = workspace;
  const known = replica.byId.get(id);
  if (!known || known.version < workspace.version) {
    replica.byId.set(id, workspace);
    catchUp(replica, id);
  }
  if (known) return { id };

  const { index, isCertain } = placeOf(replica, workspace, beforeId);
  replica.order = insertAt(replica.order, id, index);
  replica.trash.delete(id);
  return { id, isOrderChanged: true, hasGap: !isCertain };
}

/** Where a workspace goes that has just come; where it is not certain, only a list tells, for instance after a restore. */
function placeOf(replica: Replica, workspace: Workspace, beforeId?: string): { index: number; isCertain: boolean } {
  const { order, byId, arePlacesKnown } = replica;
  const end = order.length;
  const isBehind = (other: string) => byId.get(other)!.order_index >= workspace.order_index;
  const next = arePlacesKnown ? order.findIndex(isBehind) : -1;
  if (arePlacesKnown && next < 0) return { index: end, isCertain: true };
  const wanted = beforeId === undefined ? -1 : order.indexOf(beforeId);
  if (wanted >= 0) return { index: wanted, isCertain: true };
  return { index: replica.trash.get(workspace._id)?.index ?? (next < 0 ? end : next), isCertain: false };
}

function removeWorkspace(replica: Replica, id: string): void {
  const workspace = replica.byId.get(id);
  if (!workspace) return;
  replica.trash.set(id, { workspace, index: replica.order.indexOf(id) });
  replica.byId.delete(id);
  replica.outOfOrder.delete(id);
  replica.order = replica.order.filter((other) => other !== id);
}

/** A copy of the order with one more id at a place. */
export const insertAt = (order: string[], id: string, index: number): string[] => [
  ...order.slice(0, index),
  id,
  ...order.slice(index),
];
