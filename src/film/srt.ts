import type { Caption } from './plan';

/** The captions of a film as SubRip text; a film without captions has an empty file. */
export const toSrt = (captions: Caption[], fps: number): string =>
  captions
    .map(({ text, start, end }, index) => `${index + 1}\n${time(start / fps)} --> ${time(end / fps)}\n${lines(text)}\n`)
    .join('\n');

/** The same, with an invisible character behind what would begin markup, which ffmpeg reads. */
export const toPlainSrt = (captions: Caption[], fps: number): string =>
  toSrt(
    captions.map(({ text, ...when }) => ({ ...when, text: text.replace(/[<{\\]/g, '$&\u2060') })),
    fps,
  );

/** A blank line, or an arrow between two times, would end the caption. */
const lines = (text: string): string =>
  text
    .replaceAll('-->', '--\u2060>')
    .split(/[\r\n\u2028\u2029]+/)
    .filter((line) => line.trim())
    .join('\n');

function time(seconds: number): string {
  const ms = Math.round(seconds * 1000);
  const parts = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, Math.floor(ms / 1000) % 60];
  return `${parts.map((part) => String(part).padStart(2, '0')).join(':')},${String(ms % 1000).padStart(3, '0')}`;
}
