import type { FormData } from '../../contract/form';
import type { Video } from '../../contract/video';
import type { Changes } from '../../contract/workspace';
import { formKeys } from '../defaults';
import { sync } from './connection';
import { record, undo, valueOf } from './history';
import { say, showToast } from './notices';
import { getState, setState } from './store';

export const select = (id: string): void => setState({ selectedId: id });

/** Chooses the shot `step` places further on. */
export function selectNeighbour(step: number): void {
  const { ids, selectedId } = getState();
  const next = ids[Math.min(Math.max(ids.indexOf(selectedId ?? '') + step, 0), ids.length - 1)];
  if (next) select(next);
}

/** Changes fields of a shot, as one deed that can be undone. */
export function edit(id: string, after: Changes): void {
  const workspace = getState().byId[id];
  if (!workspace) return;
  const changed = Object.entries(after).filter(([key, value]) => !Object.is(valueOf(workspace, key), value));
  if (changed.length === 0) return;
  const before = Object.fromEntries(changed.map(([key]) => [key, valueOf(workspace, key)]));
  record({ kind: 'fields', id, before: before, after: Object.fromEntries(changed) });
  sync.update(id, Object.fromEntries(changed));
}

/** Changes form fields of a shot: those of an applied suggestion, or all that a take was made with. */
export function editForm(id: string, form: Partial<FormData>): void {
  const entries = formKeys.filter((key) => form[key] !== undefined).map((key) => [`form_data.${key}`, form[key]]);
  edit(id, Object.fromEntries(entries) as Changes);
}

export function remove(id: string): void {
  record({ kind: 'delete', ids: [id] });
  sync.delete(id);
  showToast(say('undo.deleted'), { label: say('undo.bringBack'), run: undo });
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

/** Makes a take the clip of its shot; undoable where a finished clip gives way to it. */
export function chooseTake(id: string, take: Video): void {
  const video = getState().byId[id]?.video;
  if (!video || video.status === 'generating' || !take.attempt_id) return;
  if (video.status === 'completed' && video.attempt_id) {
    record({ kind: 'take', id, before: video.attempt_id, after: take.attempt_id });
  }
  sync.chooseTake(id, take.attempt_id);
}
