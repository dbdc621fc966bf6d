// AbortSignal.any holds its sources weakly, and a collected timeout never fires (Node 20), so each is kept with its signal.
const deadlines = new WeakMap<AbortSignal, AbortSignal>();

/** A signal that aborts after `waitMs`, or earlier with `outer`; its timer does not keep the process alive. */
export function deadlineSignal(waitMs: number, outer?: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(waitMs);
  if (!outer) return deadline;
  const signal = AbortSignal.any([outer, deadline]);
  deadlines.set(signal, deadline);
  return signal;
}
