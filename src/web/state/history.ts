import type { Changes, Workspace } from '../../contract/workspace';
import { valueOf } from '../sync/replica';
import { sync } from './connection';
import { say, showToast } from './notices';
import { reveal } from './selection';
import { getState, setState, useStore } from './store';

/** Something that this tab did, with what is needed to take it back and to see whether somebody else was there since. */
export type Deed =
  | { kind: 'fields'; id: string; before: Changes; after: Changes }
  | { kind: 'many'; changes: { id: string; before: Changes; after: Changes }[] }
  | { kind: 'delete' | 'create'; ids: string[]; dropId?: string }
  | { kind: 'reorder'; before: readonly string[]; after: readonly string[] }
  | { kind: 'take'; id: string; before: string; after: string; form?: { before: Changes; after: Changes } };

const kept = 200;
const pauseMs = 1000;
const longestBurstMs = 3000;

let done: Deed[] = [];
let undone: Deed[] = [];
let lastEdit = { name: '', at: 0, since: 0 };

/** Remembers a deed; typing in one field is one deed until a pause of a second, and for three seconds at most. */
export function record(deed: Deed): void {
  const name = deed.kind === 'fields' ? `${deed.id} ${Object.keys(deed.after).join()}` : '';
  const previous = done.at(-1);
  const now = Date.now();
  const isSameField = name !== '' && name === lastEdit.name;
  const isBurst = isSameField && now - lastEdit.at < pauseMs && now - lastEdit.since < longestBurstMs;
  if (isBurst && previous?.kind === 'fields' && deed.kind === 'fields') previous.after = deed.after;
  else done = [...done.slice(1 - kept), deed];
  lastEdit = { name, at: now, since: isBurst ? lastEdit.since : now };
  undone = [];
  show();
}

/** Makes what follows a deed of its own, also in the field that was just typed in. */
export function endBurst(): void {
  lastEdit = { name: '', at: 0, since: 0 };
}

/** Remembers that a picture became a shot; those that were added at once are one deed. */
export function recordCreated(id: string, dropId: string): void {
  const isOfDrop = (deed: Deed) => deed.kind === 'create' && deed.dropId === dropId;
  if (done.some(isOfDrop)) {
    done = done.map((deed) => (isOfDrop(deed) && 'ids' in deed ? { ...deed, ids: [...deed.ids, id] } : deed));
    return;
  }
  record({ kind: 'create', ids: [id], dropId });
}

/** Takes back the last deed, or says that somebody else has changed the same since. */
export function undo(): void {
  const deed = done.pop();
  if (!deed) return;
  endBurst();
  if (perform(reversed(deed))) undone.push(deed);
  else showToast(say('undo.conflict'));
  show();
}

export function redo(): void {
  const deed = undone.pop();
  if (!deed) return;
  if (perform(deed)) done.push(deed);
  else showToast(say('undo.conflict'));
  show();
}

const keyOf = (filmId: string): string => `history ${filmId}`;

/** Keeps the deeds of this tab, film by film, for when the film is opened here again. */
export function keepHistory(): void {
  const stop = useStore.subscribe(({ filmId, isLoaded }) => {
    if (!filmId || !isLoaded) return;
    stop();
    [done, undone] = readDeeds(filmId);
    show();
  });
  window.addEventListener('pagehide', () => {
    const { filmId, isLoaded } = getState();
    if (!filmId || !isLoaded) return;
    try {
      sessionStorage.setItem(keyOf(filmId), JSON.stringify([done, undone]));
    } catch {
      // A browser that keeps nothing has no Undo after a reload.
    }
  });
}

function readDeeds(filmId: string): [Deed[], Deed[]] {
  try {
    const [before, after] = JSON.parse(sessionStorage.getItem(keyOf(filmId)) ?? '[[],[]]') as [Deed[], Deed[]];
    return [before, after];
  } catch {
    return [[], []];
  }
}

const show = () => setState({ canUndo: done.length > 0, canRedo: undone.length > 0 });

function reversed(deed: Deed): Deed {
  switch (deed.kind) {
    case 'delete':
    case 'create':
      // The last deleted comes back first, so that each finds the place that it had.
      return { kind: deed.kind === 'delete' ? 'create' : 'delete', ids: deed.ids.toReversed() };
    case 'many':
      return {
        ...deed,
        changes: deed.changes.map(({ id, before, after }) => ({ id, before: after, after: before })),
      };
    case 'fields':
      return { ...deed, before: deed.after, after: deed.before };
    case 'reorder':
      return { ...deed, before: deed.after, after: deed.before };
    case 'take': {
      const form = deed.form && { before: deed.form.after, after: deed.form.before };
      return { ...deed, before: deed.after, after: deed.before, form };
    }
  }
}

/** Does a deed where the timeline still is as the deed found it; false where it is not. */
function perform(deed: Deed): boolean {
  const { byId, ids } = getState();
  switch (deed.kind) {
    case 'fields': {
      const workspace = byId[deed.id];
      if (!workspace || !isAs(workspace, deed.before)) return false;
      sync.update(deed.id, deed.after);
      reveal(deed.id);
      return true;
    }
    case 'many': {
      const fitting = deed.changes.filter(({ id, before }) => byId[id] && isAs(byId[id], before));
      changeMany(fitting);
      return fitting.length > 0;
    }
    case 'reorder': {
      const isThere = new Set(ids);
      const wasThere = new Set(deed.before);
      const expected = deed.before.filter((id) => isThere.has(id)).join();
      if (ids.filter((id) => wasThere.has(id)).join() !== expected) return false;
      sync.reorder([...deed.after]);
      return true;
    }
    case 'take': {
      const workspace = byId[deed.id];
      const canChoose = workspace?.takes.some((take) => take.attempt_id === deed.after);
      if (!canChoose || workspace?.video.attempt_id !== deed.before) return false;
      if (deed.form && !isAs(workspace, deed.form.before)) return false;
      sync.chooseTake(deed.id, deed.after);
      if (deed.form) sync.update(deed.id, deed.form.after);
      reveal(deed.id);
      return true;
    }
    case 'delete': {
      const there = deed.ids.filter((id) => byId[id]);
      sync.batch(() => there.forEach(sync.delete));
      return there.length > 0;
    }
    case 'create': {
      const gone = deed.ids.filter((id) => !byId[id]);
      sync.batch(() => gone.forEach(sync.restore));
      return gone.length > 0;
    }
  }
}

/** Changes the fields of several shots, sent and shown at once. */
export function changeMany(changes: { id: string; after: Changes }[]): void {
  sync.batch(() => {
    changes.forEach(({ id, after }) => sync.update(id, after));
    sync.flush();
  });
}

const isAs = (workspace: Workspace, expected: Changes): boolean =>
  Object.entries(expected).every(([key, value]) => Object.is(valueOf(workspace, key), value));
