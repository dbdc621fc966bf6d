import { en } from './en';
import { zh } from './zh';

/** Every text of the page, by language and key. */
export const texts = { en, zh };

export type Language = keyof typeof texts;
