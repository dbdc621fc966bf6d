import type { Frame } from './client';

/** What one client knows of the timeline: loaded once per connection, and from then on only told. */
export type Replica = {
  receive: (frame: Frame, sendings: number, message?: Record<string, unknown>) => void;
  /** Loads the list; what is told meanwhile is taken in after it. */
  load: () => Promise<void>;
  loaded: () => Promise<void>;
  list: () => Frame[];
  /** Workspaces with a step before a later one that was never told. */
  gaps: () => number;
};

/** A replica that follows the contract; `fetchList` reads `GET /api/workspaces`. */
export function createReplica(fetchList: () => Promise<Frame[]>): Replica {
  let list: Frame[] = [];
  let told: Frame[] | null = null;
  /** Steps that came before the one that precedes them: another server's may be told later than one's own. */
  const ahead = new Map<string, Map<number, Record<string, unknown>>>();
  /** A new order tells ids only, so that the place of what comes back from the trash must be asked for. */
  let arePlacesKnown = true;
  let loading: Promise<void> = Promise.resolve();
  const find = (id: string) => list.find((workspace) => workspace._id === id);

  function take(frame: Frame): void {
    if (frame.type === 'workspace.created') insert(frame.workspace);
    if (frame.type === 'workspace.deleted') {
      list = list.filter(({ _id: id }) => id !== frame.workspace_id);
      ahead.delete(frame.workspace_id);
    }
    if (frame.type === 'workspace.updated') step(frame.workspace_id, frame.version, frame.changes);
    if (frame.type === 'workspace.reordered' || frame.type === 'workspace.reorder_confirm')
      reorder(frame.workspace_ids);
  }

  function insert(workspace: Frame): void {
    const known = find(workspace._id);
    if (known && known.version >= workspace.version) return;
    list = [...list.filter((other) => other !== known), structuredClone(workspace)];
    list.sort((one, other) => one.order_index - other.order_index);
    catchUp(workspace._id);
    if (!arePlacesKnown) void load();
  }

  function step(id: string, version: number, changes: Record<string, unknown>): void {
    const known = find(id);
    if (!known || version <= known.version) return;
    ahead.set(id, (ahead.get(id) ?? new Map<number, Record<string, unknown>>()).set(version, changes));
    catchUp(id);
  }

  function catchUp(id: string): void {
    const known = find(id);
    const steps = ahead.get(id);
    if (!known || !steps) return;
    for (const version of [...steps.keys()].sort((one, other) => one - other)) {
      if (version > known.version + 1) return;
      const changes = version === known.version + 1 ? steps.get(version)! : {};
      steps.delete(version);
      known.version = Math.max(version, known.version);
      for (const [key, value] of Object.entries(changes)) {
        if (key.startsWith('form_data.')) known.form_data[key.slice('form_data.'.length)] = value;
        else known[key] = value;
      }
    }
    ahead.delete(id);
  }

  function reorder(ids: string[]): void {
    const places = list.map((workspace) => workspace.order_index).sort((one, other) => one - other);
    const named = ids.map(find).filter((workspace) => workspace !== undefined);
    list = [...named, ...list.filter(({ _id: id }) => !ids.includes(id))];
    list.forEach((workspace, index) => (workspace.order_index = places[index]));
    arePlacesKnown = false;
    // What it names and nobody has told yet.
    if (named.length < ids.length) void load();
  }

  function receive(frame: Frame, sendings: number, message?: Record<string, unknown>): void {
    // The answer to a message that was sent twice may tell of what was before somebody else's change.
    if (sendings > 1) return void load();
    const own = frame.type === 'workspace.sync_confirm' && {
      ...frame,
      type: 'workspace.updated',
      changes: message?.updates,
    };
    if (told) told.push(own || frame);
    else take(own || frame);
  }

  function load(): Promise<void> {
    told ??= [];
    loading = loading.then(async () => {
      // The load before this one has taken in what it kept.
      told ??= [];
      list = await fetchList();
      ahead.clear();
      arePlacesKnown = true;
      const meanwhile = told ?? [];
      told = null;
      meanwhile.forEach(take);
    });
    return loading;
  }

  return { receive, load, loaded: () => loading, list: () => list, gaps: () => ahead.size };
}
