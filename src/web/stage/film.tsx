import { useEffect, useRef, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { reveal } from '../state/selection';
import { getState } from '../state/store';
import { Modal } from '../ui/modal';
import { FilmControls } from './film-controls';
import { FilmScreen } from './film-screen';
import { FilmSlider } from './film-slider';
import { FilmStrip } from './film-strip';
import styles from './film.module.css';
import { useFilmPlan } from '../state/film-plan';
import { useFilmPlayer } from './use-film-player';
import { useFullScreen } from './use-full-screen';

/** All shots in order, from the chosen one on; closing it chooses the shot where it stands. */
export function Film() {
  const text = useText();
  const film = useFilmPlayer(useFilmPlan());
  const room = useRef<HTMLDivElement>(null);
  const { isFull, toggle: toggleFull } = useFullScreen(room);
  const { plan, index, jump, toggle } = film;

  const here = useRef<string | undefined>(undefined);
  useEffect(() => {
    here.current = plan.shots[Math.min(index, plan.shots.length - 1)]?.shot._id;
  });
  useEffect(
    () => () => {
      if (here.current && getState().byId[here.current]) reveal(here.current);
    },
    [],
  );

  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOtherButton = event.target instanceof HTMLButtonElement && !event.target.matches('[data-first]');
    if (event.key === ' ' && !isOtherButton) toggle();
    else if (event.key === 'ArrowRight') jump(index + 1);
    else if (event.key === 'ArrowLeft') jump(index - 1);
    else if (event.key.toLowerCase() === 'f' && toggleFull) toggleFull();
    else return;
    event.preventDefault();
  };

  return (
    <Modal title={text('film.name')} className={styles.film} onKeyDown={press}>
      {/* A click anywhere in it keeps the keys here. */}
      <div className={styles.room} ref={room} tabIndex={-1}>
        <FilmScreen film={film} />
        <FilmStrip shots={plan.shots} index={index} onJump={jump} />
        <FilmSlider film={film} />
        <FilmControls film={film} isFull={isFull} onFull={toggleFull} />
      </div>
    </Modal>
  );
}
