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
