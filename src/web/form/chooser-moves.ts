/** How far a key moves in the list, counted in choices; 0 where it does not. A grid has lines as long as the eye sees them. */
export function stepOf(key: string, list: HTMLElement | null): number {
  const columns = list ? getComputedStyle(list).gridTemplateColumns.split(' ').length : 1;
  const steps: Record<string, number> = { ArrowDown: columns, ArrowUp: -columns };
  if (columns > 1) Object.assign(steps, { ArrowRight: 1, ArrowLeft: -1 });
  return steps[key] ?? 0;
}

/** The choice a step away; beyond the last line it goes on in the same column from the other end. */
export function neighbourOf(active: number, step: number, count: number): number {
  if (count === 0) return -1;
  if (active < 0) return step > 0 ? 0 : count - 1;
  const to = active + step;
  if (to >= 0 && to < count) return to;
  if (Math.abs(step) === 1) return (to + count) % count;
  const column = active % Math.abs(step);
  return step > 0 ? column : column + Math.floor((count - 1 - column) / -step) * -step;
}
