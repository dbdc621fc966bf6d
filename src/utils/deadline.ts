// A signal made of others holds them weakly, and a deadline that is collected never comes (Node 20): each is kept with its signal.
const deadlines = new WeakMap<AbortSignal, AbortSignal>();

/** A signal that aborts after `waitMs`, or with `outer` before; its timer keeps no process alive. */
export function deadlineSignal(waitMs: number, outer?: AbortSignal): AbortSignal {
  const deadline = AbortSignal.timeout(waitMs);
  if (!outer) return deadline;
  const signal = AbortSignal.any([outer, deadline]);
  deadlines.set(signal, deadline);
  return signal;
}
