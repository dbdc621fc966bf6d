import type { Film } from '../../contract/film';
import { useText } from '../i18n';
import { clockTime } from '../ui/clock';

/** Length and number of shots of a film, in one line. */
export function useFilmFigures({ duration_s: durationS, shots }: Film): string {
  const text = useText();
  const count = shots === 1 ? text('films.oneShot') : text('films.shots', { count: shots });
  return `${clockTime(durationS)} · ${count}`;
}
