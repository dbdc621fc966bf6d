import { shownIds } from './filter';
import { getState, setState, type AppState, type Filter } from './store';

const none: ReadonlySet<string> = new Set();

/** Where the range starts that Shift extends. */
let anchorId: string | null = null;

/** Chooses one shot, and no other with it. */
export function select(id: string): void {
  anchorId = id;
  setState({ selectedId: id, marked: none });
}

/** Makes a shot the current one; the others that are chosen with it stay chosen. */
export function reveal(id: string): void {
  if (getState().marked.has(id)) setState({ selectedId: id });
  else select(id);
}

/** Chooses the shot `step` places further on. */
export function selectNeighbour(step: number): void {
  const next = neighbour(step);
  if (next) select(next);
}

/** Chooses what a click with these keys on a shot means: this one, this one too, or all up to it. */
export function choose(id: string, keys: { shiftKey: boolean; ctrlKey: boolean; metaKey: boolean }): void {
  if (keys.shiftKey) extendTo(id);
  else if (keys.ctrlKey || keys.metaKey) toggle(id);
  else select(id);
}

/** Moves the end of the range by `step` places. */
export function extendBy(step: number): void {
  const next = neighbour(step);
  if (next) extendTo(next);
}

/** Chooses every shot that the filter shows. */
export function selectAll(): void {
  const shown = shownIds();
  const { selectedId } = getState();
  mark(shown, selectedId && shown.includes(selectedId) ? selectedId : (shown[0] ?? null));
}

export function selectMany(chosen: readonly string[]): void {
  anchorId = chosen[0] ?? null;
  mark(chosen, anchorId);
}

/** Leaves only the current shot chosen. */
export const selectOne = (): void => setState({ marked: none });

/** Shows the shots of one kind only; those that it hides are not chosen any more. */
export const setFilter = (filter: Filter): void => setState({ filter, marked: none });

/** Whether more than one shot is chosen. */
export const hasMany = ({ selectedId, marked }: AppState): boolean =>
  marked.size > 1 && selectedId !== null && marked.has(selectedId);

/** The chosen shots in the order of the film: never one that is out of sight by the filter beside others. */
export function chosenIds(state: AppState = getState()): readonly string[] {
  const many = hasMany(state) ? shownIds(state).filter((id) => state.marked.has(id)) : [];
  if (many.length > 1) return many;
  return state.selectedId === null ? [] : [state.selectedId];
}

/** The marks of shots that are still there. */
export function stillMarked(marked: ReadonlySet<string>, byId: AppState['byId']): ReadonlySet<string> {
  const there = [...marked].filter((id) => byId[id]);
  return there.length === marked.size ? marked : new Set(there);
}

function extendTo(id: string): void {
  const { selectedId, marked } = getState();
  const shown = shownIds();
  const isAnchored = anchorId !== null && (marked.has(anchorId) || anchorId === selectedId);
  const from = shown.indexOf((isAnchored ? anchorId : selectedId) ?? '');
  const to = shown.indexOf(id);
  if (from < 0) return select(id);
  mark(shown.slice(Math.min(from, to), Math.max(from, to) + 1), id);
}

function toggle(id: string): void {
  const { selectedId } = getState();
  const shown = new Set(shownIds());
  const chosen = new Set(chosenIds().filter((other) => shown.has(other)));
  if (chosen.has(id)) chosen.delete(id);
  else chosen.add(id);
  if (chosen.size === 0) return;
  anchorId = id;
  const current = [id, selectedId].find((other) => other !== null && chosen.has(other));
  mark([...chosen], current ?? [...chosen].at(-1)!);
}

function mark(chosen: readonly string[], current: string | null): void {
  setState({ selectedId: current ?? getState().selectedId, marked: chosen.length > 1 ? new Set(chosen) : none });
}

/** The shot `step` places from the current one among those that are shown. */
function neighbour(step: number): string | undefined {
  const { selectedId, ids } = getState();
  const shown = shownIds();
  const place = shown.indexOf(selectedId ?? '');
  if (place >= 0) return shown[Math.min(Math.max(place + step, 0), shown.length - 1)];
  // One that the filter hides: the nearest in this direction.
  const hidden = ids.indexOf(selectedId ?? '');
  const isBehind = (id: string) => ids.indexOf(id) > hidden;
  return step > 0 ? (shown.find(isBehind) ?? shown.at(-1)) : (shown.findLast((id) => !isBehind(id)) ?? shown[0]);
}
