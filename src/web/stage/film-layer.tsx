import type { FilmSettings } from '../../contract/film';
import type { PlannedShot } from '../../film/plan';
import { useText } from '../i18n';
import { numberOf } from '../state/store';
import { classes } from '../ui/classes';
import type { Slot } from './film-media';
import styles from './film-screen.module.css';

type Props = { slot: Slot; planned: PlannedShot | undefined; isCurrent: boolean; fit: FilmSettings['fit'] };

/** One of the two layers of the film; its player stays the same, since some browsers let only that one sound that was clicked. */
export function FilmLayer({ slot, planned, isCurrent, fit }: Props) {
  const text = useText();
  const clip = planned?.clip?.url ?? undefined;
  const picture = clip ? null : planned?.shot.image_url;
  return (
    <div
      className={classes(styles.layer, fit === 'crop' && styles.crop)}
      aria-hidden={!isCurrent}
      ref={(element) => {
        slot.box = element;
      }}
    >
      {fit === 'blur' && (
        <canvas
          ref={(element) => {
            slot.blur = element;
          }}
        />
      )}
      <video
        ref={(element) => {
          slot.video = element;
        }}
        data-media={clip && true}
        data-shot={planned?.shot._id}
        data-testid={isCurrent && clip ? 'shown' : undefined}
        src={clip}
        preload="auto"
        playsInline
      />
      {picture && (
        <img
          key={planned?.shot._id}
          data-media
          data-testid={isCurrent ? 'shown' : undefined}
          src={picture}
          alt={isCurrent ? text('stage.picture', { number: numberOf(planned!.shot._id) }) : ''}
        />
      )}
    </div>
  );
}
