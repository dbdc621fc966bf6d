import type { Caption } from '../../src/film/plan';
import { toPlainSrt, toSrt } from '../../src/film/srt';

const caption = (text: string, start: number, end: number): Caption => ({ text, start, end });

test('captions are numbered, timed in milliseconds, and apart by a blank line', () => {
  const captions = [caption('One', 0, 25), caption('Two\n\nlines', 30, 86_401 * 24)];
  expect(toSrt(captions, 24)).toBe(
    '1\n00:00:00,000 --> 00:00:01,042\nOne\n\n2\n00:00:01,250 --> 24:00:01,000\nTwo\nlines\n',
  );
});

test('a caption that looks like a number and a time begins no caption of its own', () => {
  const text = 'One\n\n5\n00:00:00,000 --> 00:00:09,000\nTwo';
  expect(toSrt([caption(text, 0, 24)], 24)).toBe(
    '1\n00:00:00,000 --> 00:00:01,000\nOne\n5\n00:00:00,000 --\u2060> 00:00:09,000\nTwo\n',
  );
});

test('a film without captions has an empty file', () => {
  expect(toSrt([], 24)).toBe('');
});

test('markup in a caption stays text for ffmpeg', () => {
  expect(toPlainSrt([caption('One\n\n<i>two</i>', 0, 36)], 24)).toBe(
    '1\n00:00:00,000 --> 00:00:01,500\nOne\n<\u2060i>two<\u2060/i>\n',
  );
});
