import { newId } from '../sync/new-id';
import { sync } from './connection';
import { record } from './history';
import { say, showToast } from './notices';
import { selectMany } from './selection';
import { getState, numberOf, setState } from './store';

/** Deletes shots as one deed, with a way to bring back exactly these. */
export function remove(ids: readonly string[]): void {
  const [first] = ids;
  if (first === undefined) return;
  const text =
    ids.length === 1
      ? say('undo.deleted', { number: numberOf(first) })
      : say('undo.deletedMany', { count: ids.length });
  record({ kind: 'delete', ids: [...ids] });
  sync.batch(() => ids.forEach(sync.delete));
  showToast(text, { label: say('undo.bringBack'), run: () => bringBack(ids) });
}

/** Restores these shots, whatever was done since, and chooses them; a deed of its own. */
export function bringBack(ids: readonly string[]): void {
  // The last deleted comes back first, so that each finds the place that it had.
  const gone = ids.filter((id) => !getState().byId[id]).toReversed();
  if (gone.length > 0) {
    record({ kind: 'create', ids: gone });
    sync.batch(() => gone.forEach(sync.restore));
  }
  setState({ filter: 'all' });
  selectMany(ids);
}

/** Moves shots, in their order, to a place counted from 0. */
export function moveTo(ids: readonly string[], place: number): void {
  const others = without(ids);
  reorder([...others.slice(0, place), ...ids, ...others.slice(place)]);
}

/** Moves shots, in their order, before another one; null for the end. */
export function moveBefore(ids: readonly string[], beforeId: string | null): void {
  const others = without(ids);
  moveTo(ids, beforeId === null ? others.length : others.indexOf(beforeId));
}

/** Makes a copy of each of these shots, without its clip, behind the last of them, and chooses the copies. */
export function duplicate(ids: readonly string[]): void {
  const { ids: all, byId } = getState();
  const next = all[all.indexOf(ids.at(-1) ?? '') + 1];
  const shots = ids.flatMap((id) => byId[id] ?? []);
  if (shots.length === 0) return;
  const copies = shots.map((shot) => ({ shot, id: newId() }));
  sync.batch(() => {
    for (const { shot, id } of copies) {
      const { image_path, end_image_path, form_data } = shot;
      sync.create({ image_path, end_image_path, form_data }, id, next);
    }
  });
  record({ kind: 'create', ids: copies.map(({ id }) => id) });
  setState({ filter: 'all' });
  selectMany(copies.map(({ id }) => id));
}

function without(ids: readonly string[]): string[] {
  const moved = new Set(ids);
  return getState().ids.filter((id) => !moved.has(id));
}

function reorder(after: string[]): void {
  const before = getState().ids;
  if (after.join() === before.join()) return;
  record({ kind: 'reorder', before, after });
  sync.reorder(after);
}
