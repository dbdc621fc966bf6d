import type { FormData } from '../contract/form';
import { isWord, phraseOf } from './vocabulary';

/**
 * The length of a prompt, in UTF-16 units, for comparison with a vendor's limit. Runway counts these; a vendor that counts code
 * points or visible characters never counts more.
 */
const promptLength = (prompt: string): number => prompt.length;

/** What is wrong with a prompt that exceeds a vendor's limit; null if it does not. */
export function promptTooLong(prompt: string, promptMax: number): string | null {
  if (promptLength(prompt) <= promptMax) return null;
  const isLongByPairs = [...prompt].length <= promptMax;
  return `must be at most ${promptMax} characters${isLongByPairs ? ', and an emoji or a rare character counts as two' : ''}`;
}

/**
 * The user's whole prompt, then camera, shot and light as phrases, at most `maxLength` long by `promptLength`. Phrases that do
 * not fit are dropped from the end; a prompt that is itself too long is returned unchanged, for the engine to refuse.
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

// The picture already is the first frame, so a shot size can only be the framing at the start or the end.
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
