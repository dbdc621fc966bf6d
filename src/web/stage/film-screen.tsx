import type { CSSProperties } from 'react';
import { useText } from '../i18n';
import { shapeOf } from '../pictures/ratio';
import { FilmLayer } from './film-layer';
import styles from './film-screen.module.css';
import type { FilmPlayer } from './use-film-player';

/** What the film shows now, in its own shape; a click pauses and plays. */
export function FilmScreen({ film }: { film: FilmPlayer }) {
  const text = useText();
  const { plan, settings, slots, music, place, isOver } = film;
  const { index, other } = place;
  // Two shots that fade into each other have no words in common.
  const caption = other < index ? '' : plan.shots[index]?.shot.cut.caption;
  return (
    <div className={styles.screen} onClick={film.toggle}>
      <div
        className={styles.frame}
        data-testid="film-frame"
        style={{ '--shape': shapeOf(settings.aspect_ratio) } as CSSProperties}
      >
        {[0, 1].map((parity) => {
          const isCurrent = index % 2 === parity;
          return (
            <FilmLayer
              key={parity}
              slot={slots.current[parity]!}
              planned={plan.shots[isCurrent ? index : other]}
              isCurrent={isCurrent}
              fit={settings.fit}
            />
          );
        })}
        {caption && (
          <p className={styles.caption} data-testid="caption">
            {caption}
          </p>
        )}
      </div>
      {settings.music_url && settings.music_volume > 0 && (
        <audio ref={music} src={settings.music_url} loop preload="auto" />
      )}
      {isOver && <p className={styles.end}>{text('film.again')}</p>}
    </div>
  );
}
