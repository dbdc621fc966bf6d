/** Runs work in order of arrival for each name, and in parallel for different names; work with two names waits for both. */
export function createQueues() {
  const tails = new Map<string, Promise<unknown>>();

  return function enqueue<Result>(names: string[], work: () => Promise<Result>): Promise<Result> {
    const before = names.map((name) => tails.get(name)).filter((tail) => tail !== undefined);
    const result = before.length ? Promise.all(before).then(work) : work();
    const tail = result.then(ignore, ignore);
    for (const name of names) tails.set(name, tail);
    void tail.then(() => {
      for (const name of names) if (tails.get(name) === tail) tails.delete(name);
    });
    return result;
  };
}

/**
 * Like `createQueues`, but coalesces consecutive waiting items of a single name into batches of at most `maxBatch`, in order.
 * `run` adds other work to the same queues.
 */
export function createBatchingQueues<Item>(work: (items: Item[]) => Promise<void>, maxBatch: number) {
  const enqueue = createQueues();
  const waiting = new Map<string, { items: Item[]; done: Promise<void> }>();

  function run(names: string[], other: () => Promise<void>): Promise<void> {
    const done = enqueue(names, other);
    // Later items must not join a batch that is ahead of this work.
    for (const name of names) waiting.delete(name);
    return done;
  }

  function add(names: string[], item: Item, mayCoalesce: boolean): Promise<void> {
    const [name = ''] = names;
    const joins = mayCoalesce && names.length === 1;
    const group = waiting.get(name);
    if (joins && group && group.items.length < maxBatch) {
      group.items.push(item);
      return group.done;
    }

    const items = [item];
    let hasBegun = false;
    const done = run(names, () => {
      hasBegun = true;
      if (waiting.get(name)?.items === items) waiting.delete(name);
      return work(items);
    });
    if (joins && !hasBegun) waiting.set(name, { items, done });
    return done;
  }

  return { add, run };
}

/**
 * Runs one piece of work at a time for all callers. Those who call while it runs share the next run, so that no result is older
 * than its call.
 */
export function createSharedWork<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<unknown> | null = null;
  let next: Promise<Result> | null = null;

  const begin = (): Promise<Result> => {
    next = null;
    const result = work();
    const settled = result.then(ignore, ignore).then(() => {
      if (running === settled) running = null;
    });
    running = settled;
    return result;
  };
  return () => next ?? (running ? (next = running.then(begin)) : begin());
}

/** Runs at most `limit` pieces of work at the same time; the rest wait in order. */
export function createLimit(limit: number) {
  let running = 0;
  const waiting: (() => void)[] = [];

  return async function limited<Result>(work: () => Promise<Result>): Promise<Result> {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

const ignore = () => undefined;
