import type { FormData } from '../contract';
import { isWord, phraseOf } from './vocabulary';

/**
 * The user's own words, whole, then camera, shot and light as phrases, at most `maxLength` UTF-16 units.
 * What does not fit is left out from the end; a prompt that is too long by itself comes back as it is, for the engine to refuse.
 */
export function composePrompt(form: FormData, maxLength: number): string {
  const parts = [form.prompt.trim(), cameraPhrase(form), framingPhrase(form), lightPhrase(form)].filter(Boolean);
  const fewest = form.prompt.trim() ? 1 : 0;
  for (let count = parts.length; count > fewest; count -= 1) {
    const prompt = parts.slice(0, count).reduce(append, '');
    if (prompt.length <= maxLength) return prompt;
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
