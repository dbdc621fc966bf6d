import { en, type TextKey } from '../i18n/en';
import { zh } from '../i18n/zh';

const noteKeys = ['assistant.pictureRefused', 'assistant.pictureUnreadable'] as const;

/** Advice apart from the server's closing sentence that the picture was not seen, and the key of that sentence. */
export function splitNote(message: string): { advice: string; note: TextKey | null } {
  for (const note of noteKeys) {
    const closing = [en, zh].map((texts) => `\n\n${texts[note]}`).find((sentence) => message.endsWith(sentence));
    if (closing) return { advice: message.slice(0, -closing.length), note };
  }
  return { advice: message, note: null };
}
