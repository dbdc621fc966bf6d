import { createBatchingQueues, createLimit, createQueues, createSharedWork } from '../../src/utils/queue';

const deferred = () => {
  let resolve = () => undefined as void;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
};

test('work of one name runs in the order of arrival, also after a failure', async () => {
  const enqueue = createQueues();
  const seen: number[] = [];
  const gate = deferred();
  const first = enqueue(['a'], async () => {
    await gate.promise;
    seen.push(1);
    throw new Error('the first one fails');
  });
  const second = enqueue(['a'], async () => seen.push(2));
  gate.resolve();
  await expect(first).rejects.toThrow('the first one fails');
  await second;
  expect(seen).toEqual([1, 2]);
});

test('different names do not wait for each other, and work with two names waits for both', async () => {
  const enqueue = createQueues();
  const gate = deferred();
  const seen: string[] = [];
  const slow = enqueue(['a'], () => gate.promise.then(() => seen.push('a')));
  const both = enqueue(['a', 'b'], async () => seen.push('ab'));
  await enqueue(['c'], async () => seen.push('c'));
  const afterBoth = enqueue(['b'], async () => seen.push('b'));
  gate.resolve();
  await Promise.all([slow, both, afterBoth]);
  expect(seen).toEqual(['c', 'a', 'ab', 'b']);
});

test('neighbours that wait for one name are worked on together, and nothing overtakes', async () => {
  const gate = deferred();
  const groups: string[][] = [];
  const { add, run } = createBatchingQueues<string>(async (items) => {
    groups.push(items);
    await gate.promise;
  }, 3);
  const join = (name: string, item: string) => add([name], item, true);
  const all = [
    join('a', 'begins at once'),
    ...['1', '2', '3', '4'].map((item) => join('a', item)),
    join('b', 'has another name'),
    add(['a'], 'stays alone', false),
    join('a', '5'),
    add(['a', 'order'], 'waits for both', false),
    join('a', '6'),
    join('a', '7'),
    run(['a'], async () => void groups.push(['other work'])),
    join('a', '8'),
  ];
  gate.resolve();
  await Promise.all(all);
  expect(groups).toEqual([
    ['begins at once'],
    ['has another name'],
    ['1', '2', '3'],
    ['4'],
    ['stays alone'],
    ['5'],
    ['waits for both'],
    ['6', '7'],
    ['other work'],
    ['8'],
  ]);
});

test('at most the limit runs at once, and a failure frees its place', async () => {
  const limited = createLimit(2);
  let running = 0;
  let most = 0;
  const work = async (fails: boolean) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (fails) throw new Error('fails');
  };
  const results = await Promise.allSettled(
    Array.from({ length: 10 }, (_, index) => limited(() => work(index % 3 === 0))),
  );
  expect(most).toBe(2);
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(4);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('work that is shared', () => {
  const pieces: { end: (value: string) => void; fail: (error: Error) => void }[] = [];
  const ask = createSharedWork(
    () => new Promise<string>((resolve, reject) => void pieces.push({ end: resolve, fail: reject })),
  );
  afterEach(() => void pieces.splice(0));

  test('work that is shared runs one piece at a time, and those who ask meanwhile share the one after it', async () => {
    const first = ask();
    const others = [ask(), ask(), ask()];
    expect(pieces).toHaveLength(1);
    pieces[0]!.end('first');
    expect(await first).toBe('first');
    await turn();
    const late = ask();
    expect(pieces).toHaveLength(2);
    pieces[1]!.end('second');
    expect(await Promise.all(others)).toEqual(['second', 'second', 'second']);
    pieces[2]!.end('third');
    expect(await late).toBe('third');
  });

  test('work that is shared goes on after a piece that failed', async () => {
    const first = ask();
    const second = ask();
    pieces[0]!.fail(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    pieces[1]!.end('there again');
    expect(await second).toBe('there again');
  });
});
