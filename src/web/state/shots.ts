import type { FormData } from '../../contract/form';
import type { Video } from '../../contract/video';
import type { Changes } from '../../contract/workspace';
import { formKeys } from '../defaults';
import { sync } from './connection';
import { record, valueOf } from './history';
import { say, showToast } from './notices';
import { getState, numberOf, setState } from './store';

export const select = (id: string): void => setState({ selectedId: id });

/** Chooses the shot `step` places further on. */
export function selectNeighbour(step: number): void {
  const { ids, selectedId } = getState();
  const next = ids[Math.min(Math.max(ids.indexOf(selectedId ?? '') + step, 0), ids.length - 1)];
  if (next) select(next);
}

/** Changes fields of a shot, as one deed that can be undone. */
export function edit(id: string, wanted: Changes): void {
  const { before, after } = difference(id, wanted);
  if (Object.keys(after).length === 0) return;
  record({ kind: 'fields', id, before, after });
  sync.update(id, after);
}

/** The values of a shot that these changes replace, and the ones they bring; both empty where nothing changes. */
function difference(id: string, wanted: Changes): { before: Changes; after: Changes } {
  const workspace = getState().byId[id];
  if (!workspace) return { before: {}, after: {} };
  const changed = Object.entries(wanted).filter(([key, value]) => !Object.is(valueOf(workspace, key), value));
  const before = Object.fromEntries(changed.map(([key]) => [key, valueOf(workspace, key)]));
  return { before, after: Object.fromEntries(changed) };
}

/** Changes form fields of a shot: those of an applied suggestion, or all that a take was made with. */
export function editForm(id: string, form: Partial<FormData>): void {
  edit(id, toChanges(form));
}

function toChanges(form: Partial<FormData>): Changes {
  const entries = formKeys.filter((key) => form[key] !== undefined).map((key) => [`form_data.${key}`, form[key]]);
  return Object.fromEntries(entries) as Changes;
}

export function remove(id: string): void {
  const number = numberOf(id);
  record({ kind: 'delete', ids: [id] });
  sync.delete(id);
  showToast(say('undo.deleted', { number }), { label: say('undo.bringBack'), run: () => bringBack(id) });
}

/** Restores this shot, whatever was done since, and chooses it; a deed of its own. */
function bringBack(id: string): void {
  if (!getState().byId[id]) {
    record({ kind: 'create', ids: [id] });
    sync.restore(id);
  }
  select(id);
}

/** Moves a shot to another place, counted from 0. */
export function move(id: string, to: number): void {
  const before = getState().ids;
  const others = before.filter((other) => other !== id);
  const after = [...others.slice(0, to), id, ...others.slice(to)];
  if (after.join() === before.join()) return;
  record({ kind: 'reorder', before, after });
  sync.reorder(after);
}

/** Makes a take the clip of its shot, with the form it was made with or without; undoable where a finished clip gives way. */
export function chooseTake(id: string, take: Video, withForm: boolean): void {
  const video = getState().byId[id]?.video;
  if (!video || video.status === 'generating' || !take.attempt_id) return;
  const form = withForm && take.form_data ? difference(id, toChanges(take.form_data)) : undefined;
  if (video.status === 'completed' && video.attempt_id) {
    record({ kind: 'take', id, before: video.attempt_id, after: take.attempt_id, form });
  } else if (form && Object.keys(form.after).length > 0) record({ kind: 'fields', id, ...form });
  sync.chooseTake(id, take.attempt_id, withForm);
}
