import type { FormData } from '../contract/form';
import { isWord, phraseOf } from './vocabulary';

/**
 * The length of a prompt against the limit of a vendor, in UTF-16 units: Runway counts those, and none counts more, whether it
 * counts code points or what a reader takes for characters.
 */
export const promptLength = (prompt: string): number => prompt.length;

/** What is wrong with a prompt that is longer than a vendor takes; null where it fits. */
export function promptTooLong(prompt: string, promptMax: number): string | null {
  if (promptLength(prompt) <= promptMax) return null;
  const isLongByPairs = [...prompt].length <= promptMax;
  return `must be at most ${promptMax} characters${isLongByPairs ? ', of which an emoji or a rare one counts as two' : ''}`;
}

/**
 * The user's own words, whole, then camera, shot and light as phrases, at most `maxLength` long by `promptLength`.
 * What does not fit is left out from the end; a prompt that is too long by itself comes back as it is, for the engine to refuse.
 */
export function composePrompt(form: FormData, maxLength: number): string {
  const parts = [form.prompt.trim(), cameraPhrase(form), framingPhrase(form), lightPhrase(form)].filter(Boolean);
  const fewest = form.prompt.trim() ? 1 : 0;
  for (let count = parts.length; count > fewest; count -= 1) {
    const prompt = parts.slice(0, count).reduce(append, '');
    if (promptLength(prompt) <= maxLength) return prompt;
  }
  return form.prompt.trim();
}

const cameraPhrase = (form: FormData) => phraseOf('camera_movement', form.camera_movement.trim());

// The picture is frame one already: a shot size can only be the framing to begin or end with.
function framingPhrase(form: FormData): string {
  const shotSize = form.shot_size.trim();
  const phrase = phraseOf('shot_size', shotSize);
  if (!isWord('shot_size', shotSize)) return phrase;
  return `framed as ${/^[aeiou]/i.test(phrase) ? 'an' : 'a'} ${phrase}`;
}

const lightPhrase = (form: FormData) => phraseOf('lighting', form.lighting.trim());

function append(prompt: string, part: string): string {
  if (!prompt) return part;
  const isClosed = /[.!?,;:…。！？，；：]$/.test(prompt);
  return `${prompt}${isClosed ? ' ' : ', '}${part}`;
}
