import { useText } from '../i18n';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/icon-button';
import styles from './film-controls.module.css';
import type { FilmPlayer } from './use-film-player';

type Props = { film: FilmPlayer; isFull: boolean; onFull: (() => void) | null };

/** The buttons of the film, and the shot it is at. */
export function FilmControls({ film, isFull, onFull }: Props) {
  const text = useText();
  const { index, plan, isOver, isPaused, jump, toggle } = film;
  return (
    <div className={styles.controls}>
      <IconButton
        icon="previous"
        label={text('film.previous')}
        disabled={index === 0}
        onClick={() => jump(index - 1)}
      />
      <IconButton
        data-first
        icon={isPaused ? 'play' : 'pause'}
        label={text(isOver ? 'film.again' : isPaused ? 'film.play' : 'film.pause')}
        onClick={toggle}
      />
      <IconButton icon="next" label={text('film.next')} disabled={isOver} onClick={() => jump(index + 1)} />
      <span className="muted">
        {text('film.position', { number: Math.min(index + 1, plan.shots.length), count: plan.shots.length })}
      </span>
      {onFull && (
        <Button size="small" aria-pressed={isFull} onClick={onFull}>
          <Icon name="full" /> {text('film.full')}
        </Button>
      )}
    </div>
  );
}
