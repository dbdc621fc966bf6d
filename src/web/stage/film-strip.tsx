import { useText } from '../i18n';
import { numberOf } from '../state/store';
import { classes } from '../ui/classes';
import type { PlannedShot } from '../../film/plan';
import styles from './film-strip.module.css';

type Props = { shots: PlannedShot[]; index: number; onJump: (index: number) => void };

/** More of them would be too narrow to be told apart. */
const mostStills = 60;

/** The shots side by side, each as wide as it is long; a click goes there. The keyboard has the slider and the arrows. */
export function FilmStrip({ shots, index, onJump }: Props) {
  const text = useText();
  return (
    <div className={styles.strip}>
      {shots.map(({ shot, clip, frames, overlap }, place) => {
        const name = text('card.name', { number: numberOf(shot._id) });
        const still = clip?.poster_url ?? shot.image_url;
        return (
          <button
            key={shot._id}
            type="button"
            tabIndex={-1}
            className={classes(place < index && styles.past, place === index && styles.now)}
            style={{
              flexGrow: frames - overlap,
              backgroundImage: still && shots.length <= mostStills ? `url("${still}")` : undefined,
            }}
            aria-label={name}
            aria-current={place === index}
            title={name}
            onClick={() => onJump(place)}
          />
        );
      })}
    </div>
  );
}
