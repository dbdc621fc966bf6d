import { useCallback } from 'react';
import type { ErrorCode } from '../contract/errors';
import type { TextKey } from './locales/en';
import { texts, type Language } from './locales/texts';
import { useStore, type PictureFault } from './state/store';

export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;
export type { TextKey };

/** The text of a key, with `{name}` filled in. */
export function translate(language: Language, key: TextKey, values: Record<string, string | number> = {}): string {
  return texts[language][key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** The translator of the chosen language; changes when the language does. */
export function useText(): Translate {
  const language = useStore((state) => state.language);
  return useCallback((key, values) => translate(language, key, values), [language]);
}

/** Our own sentence for an error code. */
export const errorKey = (code: ErrorCode | 'NETWORK' | PictureFault): TextKey => `error.${code}`;
