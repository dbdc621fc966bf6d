import type { Options } from '../../contract/options';
import { useStore } from '../state/store';

export type Vocabulary = 'camera_movements' | 'shot_sizes' | 'lightings';
export type Word = Options[Vocabulary][number];

/** The first name of a vocabulary id in the chosen language; free text is its own name. */
export function useWord(vocabulary: Vocabulary, value: string): string {
  return useStore(({ options, language }) => {
    const word = options?.[vocabulary].find(({ id }) => id === value);
    return word ? word[language].split(' / ')[0]! : value;
  });
}
