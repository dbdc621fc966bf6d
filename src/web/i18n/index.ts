import { useCallback } from 'react';
import type { ErrorCode } from '../../contract/errors';
import { useStore, type PictureFault } from '../state/store';
import type { TextKey } from './en';
import { texts, type Language } from './texts';

export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;
export type { TextKey };

/** The text of a key, with `{name}` filled in. */
export function translate(language: Language, key: TextKey, values: Record<string, string | number> = {}): string {
  return texts[language][key].replace(/( ?)\{(\w+)\}( ?)/g, (_, before: string, name: string, after: string) => {
    const value = String(values[name] ?? '');
    // Chinese sets a space between its own characters and others, and none among its own.
    const isSpaced = (edge: string | undefined) => language !== 'zh' || !/\p{Script=Han}/u.test(edge ?? '');
    return `${isSpaced(value[0]) ? before : ''}${value}${isSpaced(value.at(-1)) ? after : ''}`;
  });
}

/** Words as a list in a sentence. */
export function listWords(text: Translate, words: readonly string[]): string {
  const [last = '', ...others] = words.toReversed();
  if (others.length === 0) return last;
  return text('common.and', { list: others.toReversed().join(text('common.listSeparator')), last });
}

/** Whether there is a text under this key. */
export const isTextKey = (key: string): key is TextKey => key in texts.en;

/** The translator of the chosen language; changes when the language does. */
export function useText(): Translate {
  const language = useStore((state) => state.language);
  return useCallback((key, values) => translate(language, key, values), [language]);
}

/** Our own sentence for an error code. */
export const errorKey = (code: ErrorCode | 'NETWORK' | PictureFault): TextKey => `error.${code}`;
