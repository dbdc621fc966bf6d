import { memo, useState, type PointerEvent } from 'react';
import { useText } from '../i18n';
import { refusalText } from '../refusal';
import { shownClip, stateOf } from '../state/clip';
import { failureOf } from '../state/failures';
import { remove, select } from '../state/shots';
import { useStore } from '../state/store';
import { IconButton } from './icon-button';
import { useWord } from './use-word';

export type Place = { left: number; index: number; count: number; isHeld: boolean; isMoving: boolean };
type Props = Place & { id: string; number: number; onPull: (event: PointerEvent, id: string) => void };

/** One shot on the timeline: its picture or poster, its clip under the pointer, number, movement and state. */
export const Card = memo(function Card({ id, number, left, index, count, isHeld, isMoving, onPull }: Props) {
  const text = useText();
  const workspace = useStore(({ byId }) => byId[id]);
  const isSelected = useStore(({ selectedId }) => selectedId === id);
  const click = useStore(({ clicks }) => clicks[id]);
  const [isPlaying, setIsPlaying] = useState(false);
  const movement = useWord('camera_movements', workspace?.form_data.camera_movement ?? '');
  if (!workspace) return null;

  const { video, image_url: picture, form_data: form } = workspace;
  const clip = shownClip(workspace);
  const failure = failureOf(workspace, click);
  const isRefused = failure?.isOfClick ?? false;
  const status = isRefused ? 'failed' : stateOf(workspace);
  const reason = failure && status === 'failed' ? refusalText(text, failure) : '';
  const state = [isRefused ? '' : text(`card.${status}`), reason].filter(Boolean).join(' · ');
  const still = clip?.poster_url ?? picture;
  const duration = text('common.seconds', { count: form.duration_s });
  const classes = ['card', isSelected && 'is-selected', isHeld && 'is-held', isMoving && !isHeld && 'is-aside'];

  return (
    <li
      className={classes.filter(Boolean).join(' ')}
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
        className="card-face"
        aria-current={isSelected}
        aria-describedby="timeline-instructions"
        tabIndex={isSelected ? 0 : -1}
        onClick={() => select(id)}
        onPointerDown={(event) => onPull(event, id)}
        onKeyUp={(event) => event.key === ' ' && event.preventDefault()}
      >
        <span className="card-picture">
          {still ? (
            <img src={still} alt="" draggable={false} loading="lazy" decoding="async" />
          ) : (
            <span className="card-blank" />
          )}
          {isPlaying && !isMoving && clip?.url && <video src={clip.url} muted loop autoPlay playsInline />}
          <span className="hidden">{text('card.name', { number })}</span>
          <span className="card-number" aria-hidden="true">
            {number}
          </span>
          {video.status === 'generating' && (
            <span className="card-progress" style={{ scale: `${video.progress ?? 0.15} 1` }} />
          )}
        </span>
        <span className="card-line">
          <span className="card-move">{movement || text('card.noMove')}</span>
          <span className="card-duration">{duration}</span>
        </span>
        <span className={`card-state is-${status}`} title={reason || undefined}>
          <span className="card-reason">{state}</span>
        </span>
      </button>
      {isSelected && (
        <IconButton icon="trash" className="card-delete" label={text('common.delete')} onClick={() => remove(id)} />
      )}
    </li>
  );
});
