import { concatList, loudnessFilter, readLoudness, samplesOf } from '../../src/film/render';
import { frameRates } from '../../src/contract/film';

test.each(frameRates)('at %i frames per second, a frame lasts a whole number of samples', (fps) => {
  expect(Number.isInteger(samplesOf(1, fps))).toBe(true);
});

test('a list for the concat demuxer has the length of each file, and quotes its name', () => {
  expect(concatList([{ file: "/a/it's.mp4", frames: 36 }], 24)).toBe(
    "ffconcat version 1.0\nfile '/a/it'\\''s.mp4'\nduration 1.500000\n",
  );
});

const summary = (lufs: string, peak: string) =>
  `[ebur128] Summary:\n\n  Integrated loudness:\n    I:         ${lufs} LUFS\n\n  Sample peak:\n    Peak:      ${peak} dBFS\n`;

test('the loudness is read from the summary, and silence has none', () => {
  expect(readLoudness(summary('-23.1', '-8.0'))).toEqual({ lufs: -23.1, peakDb: -8 });
  expect(readLoudness(summary('-70.0', '-inf'))).toBeNull();
  expect(readLoudness('')).toBeNull();
});

test('a gain that leaves room needs no limiter, and one that does not keeps the length', () => {
  expect(loudnessFilter({ lufs: -20, peakDb: -10 }, 48_000)).toBe('volume=4.00dB');
  expect(loudnessFilter({ lufs: -26, peakDb: -6 }, 48_000)).toMatch(
    /^volume=10\.00dB,alimiter=.*atrim=start_sample=240:end_sample=48240/,
  );
});
