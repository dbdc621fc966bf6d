import { readRetryAfter, toAscii } from '../../src/utils/reply-headers';

const dayMs = 24 * 3600 * 1000;

test.each<[string | undefined, number | undefined]>([
  ['2', 2000],
  ['0.5', 500],
  ['-3', 0],
  ['9999999', dayMs],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After: %s is a pause of %s ms', (value, waitMs) => {
  expect(readRetryAfter(value)).toBe(waitMs);
});

test('a Retry-After that is a date is the time until then', () => {
  const waitMs = readRetryAfter(new Date(Date.now() + 60_000).toUTCString())!;
  expect(waitMs).toBeGreaterThan(50_000);
  expect(waitMs).toBeLessThanOrEqual(60_000);
});

test('a Location with raw bytes of UTF-8 becomes an address that can be asked for', () => {
  const asNodeReadsIt = Buffer.from('https://cdn.example/影.mp4').toString('latin1');
  expect(toAscii(asNodeReadsIt)).toBe(encodeURI('https://cdn.example/影.mp4'));
  expect(toAscii('https://cdn.example/a%20b.mp4?x=1')).toBe('https://cdn.example/a%20b.mp4?x=1');
  expect(toAscii(undefined)).toBeUndefined();
});
