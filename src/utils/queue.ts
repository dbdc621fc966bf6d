/** Runs work in the order of arrival for each name, and in parallel for different names; work with two names waits for both. */
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
 * As `createQueues`, and what waits behind each other for one and the same name is worked on together where it may join:
 * at most `most` items at once, in their order. `run` does other work in its turn.
 */
export function createJoiningQueues<Item>(work: (items: Item[]) => Promise<void>, most: number) {
  const enqueue = createQueues();
  const waiting = new Map<string, { items: Item[]; done: Promise<void> }>();

  function run(names: string[], other: () => Promise<void>): Promise<void> {
    const done = enqueue(names, other);
    // Whatever comes next must not go before this one.
    for (const name of names) waiting.delete(name);
    return done;
  }

  function add(names: string[], item: Item, mayJoin: boolean): Promise<void> {
    const [name = ''] = names;
    const joins = mayJoin && names.length === 1;
    const group = waiting.get(name);
    if (joins && group && group.items.length < most) {
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
 * Runs one piece of work at a time for all who ask: who asks while it runs shares the next one with all others who do, so that
 * each result was begun after it was asked for.
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

/** Runs at most `limit` pieces of work at once; more wait in order. */
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
