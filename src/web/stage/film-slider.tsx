import { useEffect, useState, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { clockTime } from '../ui/clock';
import styles from './film-slider.module.css';
import type { FilmPlayer } from './use-film-player';

const keyStepS = 1;

/** The time in the whole film, to see and to change. */
export function FilmSlider({ film }: { film: FilmPlayer }) {
  const text = useText();
  const { readTime, seek, totalS, isPaused } = film;
  const [timeS, setTimeS] = useState(readTime);
  // After each render, since the film has moved then; only this part of the page follows each frame.
  useEffect(() => {
    const show = () => setTimeS(readTime());
    show();
    if (isPaused) return;
    const frame = requestAnimationFrame(function next() {
      show();
      last = requestAnimationFrame(next);
    });
    let last = frame;
    return () => cancelAnimationFrame(last);
  });

  const go = (to: number) => {
    const within = Math.min(Math.max(to, 0), totalS);
    setTimeS(within);
    seek(within);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -keyStepS, ArrowDown: -keyStepS, ArrowRight: keyStepS, ArrowUp: keyStepS }[event.key];
    if (!step) return;
    go(timeS + step);
    event.preventDefault();
    // On the slider, the arrows are seconds, not shots.
    event.stopPropagation();
  };
  const shown = text('film.time', { time: clockTime(timeS), total: clockTime(totalS) });

  return (
    <div className={styles.time}>
      <input
        type="range"
        aria-label={text('film.slider')}
        aria-valuetext={shown}
        min={0}
        max={totalS}
        step="any"
        value={timeS}
        onChange={({ target }) => go(Number(target.value))}
        onKeyDown={press}
      />
      <span className="muted">{shown}</span>
    </div>
  );
}
