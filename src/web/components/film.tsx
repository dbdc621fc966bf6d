import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { shownClip } from '../state/clip';
import { getState } from '../state/store';
import { IconButton } from './icon-button';
import { Modal } from './modal';
import { usePictureTimer } from './use-picture-timer';

type Part = { id: string; number: number; seconds: number; movement: string } & (
  { clip: string } | { picture: string }
);

/** All shots in order without a gap: while one clip plays, a second player has the next one ready. */
export function Film() {
  const text = useText();
  const [parts] = useState(readParts);
  const [index, setIndex] = useState(0);
  const [isPaused, setIsPaused] = useState(false);
  const players = [useRef<HTMLVideoElement>(null), useRef<HTMLVideoElement>(null)] as const;
  const part = parts[index];
  const isOver = index >= parts.length;
  const isPicture = part !== undefined && 'picture' in part;

  const jump = (to: number) => {
    setIndex(Math.min(Math.max(to, 0), parts.length));
    setIsPaused(false);
  };
  const toggle = () => (isOver ? jump(0) : setIsPaused(!isPaused));
  usePictureTimer(isPicture ? part : null, isPaused, () => jump(index + 1));

  useEffect(() => {
    const [current, other] = [players[index % 2]!.current, players[(index + 1) % 2]!.current];
    other?.pause();
    if (!current || isPicture || isOver) return;
    if (isPaused) current.pause();
    // Played from its start, whatever it was used for before.
    else void current.play().catch(() => setIsPaused(true));
  });
  useEffect(() => {
    const current = players[index % 2]!.current;
    if (current) current.currentTime = 0;
  }, [index]);

  const press = (event: KeyboardEvent) => {
    const isOtherButton = event.target instanceof HTMLButtonElement && !event.target.matches('.film-pause');
    if (event.key === ' ' && !isOtherButton) toggle();
    else if (event.key === 'ArrowRight') jump(index + 1);
    else if (event.key === 'ArrowLeft') jump(index - 1);
    else return;
    event.preventDefault();
  };

  return (
    <Modal title={text('film.name')} className="film" onKeyDown={press}>
      <div className="film-screen">
        {players.map((player, slot) => {
          const shown = parts[slot === index % 2 ? index : index + 1];
          const isCurrent = slot === index % 2;
          return (
            <video
              key={slot}
              ref={player}
              className={isCurrent && shown && 'clip' in shown ? 'is-shown' : ''}
              src={shown && 'clip' in shown ? shown.clip : undefined}
              preload="auto"
              playsInline
              aria-hidden={!isCurrent}
              onEnded={() => isCurrent && jump(index + 1)}
            />
          );
        })}
        {isPicture && (
          <img
            key={part.id}
            className="is-shown"
            src={part.picture}
            alt={text('stage.picture', { number: part.number })}
          />
        )}
        {isOver && <p className="film-end">{text('film.again')}</p>}
      </div>
      <div className="film-strip" aria-hidden="true">
        {parts.map(({ id, seconds }, place) => (
          <span
            key={id}
            style={{ flexGrow: seconds }}
            className={place < index ? 'is-past' : place === index ? 'is-now' : ''}
          />
        ))}
      </div>
      <div className="film-controls">
        <IconButton
          icon="previous"
          label={text('film.previous')}
          disabled={index === 0}
          onClick={() => jump(index - 1)}
        />
        <IconButton
          data-first
          icon={isPaused || isOver ? 'play' : 'pause'}
          className="film-pause"
          label={text(isOver ? 'film.again' : isPaused ? 'film.play' : 'film.pause')}
          onClick={toggle}
        />
        <IconButton icon="next" label={text('film.next')} disabled={isOver} onClick={() => jump(index + 1)} />
        <span className="muted">
          {text('film.position', { number: Math.min(index + 1, parts.length), count: parts.length })}
        </span>
      </div>
    </Modal>
  );
}

function readParts(): Part[] {
  const { ids, byId } = getState();
  return ids.flatMap((id, index): Part[] => {
    const shot = byId[id];
    const common = {
      id,
      number: index + 1,
      seconds: shot?.form_data.duration_s ?? 0,
      movement: shot?.form_data.camera_movement ?? '',
    };
    const clip = shot && shownClip(shot);
    if (clip?.url) return [{ ...common, clip: clip.url }];
    return shot?.image_url ? [{ ...common, picture: shot.image_url }] : [];
  });
}
