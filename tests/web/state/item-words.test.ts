import { idleVideo } from '../../../src/contract/defaults';
import type { Batch } from '../../../src/contract/batch';
import type { Video } from '../../../src/contract/video';
import type { Workspace } from '../../../src/contract/workspace';
import { mayBeCharged, reasonWords } from '../../../src/web/batches/item-words';
import { say } from '../../../src/web/state/notices';

type Item = Batch['items'][number];
type Code = NonNullable<Item['reason']>['code'];

const item = (code: Code, more: Partial<Item> = {}): Item => ({
  workspace_id: 'one',
  attempt_id: null,
  state: 'failed',
  reason: { code, message: '' },
  ...more,
});
const shot = (video: Partial<Video> = {}): Workspace => ({ video: { ...idleVideo, ...video } }) as Workspace;

it('says of a shot that was not started that it costs nothing', () => {
  const words = 'The shot before was not made, so this one was not started and costs nothing.';
  expect(reasonWords(say, item('PREVIOUS_CLIP_MISSING'), shot())).toBe(words);
});

it('says that a shot was deleted before its turn, while it is gone', () => {
  expect(reasonWords(say, item('WORKSPACE_NOT_FOUND'), undefined)).toBe('The shot was deleted before its turn.');
  expect(reasonWords(say, item('WORKSPACE_NOT_FOUND'), shot())).toBe('');
});

it('knows a cancelled shot that may be charged by its attempt', () => {
  const cancelled = item('CANCELLED', { state: 'cancelled', attempt_id: 'a' });
  const error = { code: 'CANCELLED', message: '', charged: 'maybe' } as const;
  expect(mayBeCharged(cancelled, shot({ attempt_id: 'a', error }))).toBe(true);
  expect(mayBeCharged(cancelled, shot({ attempt_id: 'b', error }))).toBe(false);
  expect(mayBeCharged(cancelled, shot({ attempt_id: 'a', error: { ...error, charged: 'no' } }))).toBe(false);
  expect(mayBeCharged({ ...cancelled, attempt_id: null }, shot({ attempt_id: null, error }))).toBe(false);
});
