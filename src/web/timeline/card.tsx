import { memo, useState, type PointerEvent } from 'react';
import { useWord } from '../form/use-word';
import { failureOf } from '../generate/failures';
import { refusalText } from '../generate/refusal';
import { LastFrame } from '../stage/last-frame';
import { useText } from '../i18n';
import { clipOf } from '../../contract/continuity';
import { isShortened, partOf } from '../../film/plan';
import { waitsForNumber } from '../state/batches';
import { useFilmSettings } from '../state/films';
import { statusOf } from '../state/filter';
import { remove } from '../state/row';
import { choose, hasMany } from '../state/selection';
import { useStore } from '../state/store';
import { classes } from '../ui/classes';
import { clockTenths } from '../ui/clock';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/icon-button';
import styles from './card.module.css';

export type Place = { left: number; index: number; count: number; isHeld: boolean; isMoving: boolean };
type Props = Place & { id: string; number: number; onPull: (event: PointerEvent, id: string) => void };

/** One shot on the timeline: its picture or poster, its clip under the pointer, number, movement and state. */
export const Card = memo(function Card({ id, number, left, index, count, isHeld, isMoving, onPull }: Props) {
  const text = useText();
  const workspace = useStore(({ byId }) => byId[id]);
  const isSelected = useStore(({ selectedId }) => selectedId === id);
  const isOfMany = useStore(hasMany);
  const isMarked = useStore((state) => hasMany(state) && state.marked.has(id));
  const click = useStore(({ clicks }) => clicks[id]);
  const status = useStore((state) => (workspace ? statusOf(workspace, click, state) : 'idle'));
  const waitedFor = useStore((state) => (status === 'waiting' ? waitsForNumber(state, id) : null));
  const { fps } = useFilmSettings();
  const [isPlaying, setIsPlaying] = useState(false);
  const movement = useWord('camera_movements', workspace?.form_data.camera_movement ?? '');
  if (!workspace) return null;

  const { video, image_url: picture, form_data: form } = workspace;
  const clip = clipOf(workspace);
  const failure = status === 'failed' ? failureOf(workspace, click) : null;
  const isRefused = failure?.isOfClick === true;
  const reason = failure ? refusalText(text, failure) : '';
  const where = waitedFor === null ? text(`card.${status}`) : text('card.waitingFor', { number: waitedFor });
  const state = [isRefused ? '' : where, reason].filter(Boolean).join(' · ');
  const still = clip?.poster_url ?? picture;
  const isLinked = form.start === 'previous';
  const continues = isLinked && number > 1 ? text('source.continues', { number: number - 1 }) : null;
  const part = isShortened(workspace) ? partOf(workspace, fps) : null;
  const duration = text('common.seconds', { count: form.duration_s });

  return (
    <li
      className={classes(
        styles.card,
        isSelected && styles.selected,
        isMarked && styles.marked,
        isHeld && styles.held,
        isMoving && !isHeld && styles.aside,
      )}
      data-workspace-id={id}
      aria-setsize={count}
      aria-posinset={index + 1}
      tabIndex={-1}
      style={{ transform: `translateX(${left}px)` }}
      onPointerEnter={() => setIsPlaying(true)}
      onPointerLeave={() => setIsPlaying(false)}
    >
      <button
        type="button"
        className={classes(styles.surface, styles.face)}
        aria-current={isSelected}
        aria-pressed={isOfMany ? isMarked : undefined}
        aria-describedby="timeline-instructions"
        tabIndex={isSelected ? 0 : -1}
        onClick={(event) => choose(id, event)}
        onPointerDown={(event) => onPull(event, id)}
        onKeyUp={(event) => event.key === ' ' && event.preventDefault()}
      >
        <span className={styles.picture}>
          {isLinked && !clip ? (
            <>
              <span className={styles.blank} />
              <LastFrame shot={workspace} />
            </>
          ) : still ? (
            <img src={still} alt="" draggable={false} loading="lazy" decoding="async" />
          ) : (
            <span className={styles.blank} />
          )}
          {isPlaying && !isMoving && clip?.url && <video src={clip.url} muted loop autoPlay playsInline />}
          <span className="hidden">{text('card.name', { number })}</span>
          {continues && <span className="hidden">{continues}</span>}
          <span className={styles.number} aria-hidden="true">
            {number}
          </span>
          {part && (
            <span className={styles.part}>
              {text('cut.part', { from: clockTenths(part.fromS), to: clockTenths(part.toS) })}
            </span>
          )}
          {video.status === 'generating' && (
            <span className={styles.progress} style={{ scale: `${video.progress ?? 0.15} 1` }} />
          )}
        </span>
        <span className={styles.line}>
          <span className={styles.movement}>{movement || text('card.noMove')}</span>
          <span className={styles.duration}>{duration}</span>
        </span>
        <span className={styles.words} data-testid="words">
          {form.prompt}
        </span>
        <span className={styles.state} data-state={status} title={reason || undefined}>
          <span className={styles.reason}>{state}</span>
        </span>
      </button>
      {continues && (
        <span className={styles.link} title={continues} data-testid="link">
          <Icon name="link" />
        </span>
      )}
      {isSelected && !isOfMany && (
        <IconButton
          data-own-keys
          icon="trash"
          className={styles.delete}
          label={text('common.delete')}
          onClick={() => remove([id])}
        />
      )}
    </li>
  );
});
