import { durationOf, sizeOf } from '../../film/plan';
import { useText } from '../i18n';
import type { FilmPlan } from '../state/film-plan';
import { numberOf, setState } from '../state/store';
import { Button } from '../ui/button';
import { clockTime } from '../ui/clock';
import styles from './export-sheet.module.css';

/** What will come out: length, size of the picture, number of shots, and what is left out and why. */
export function OutcomeSummary({ plan, settings }: FilmPlan) {
  const text = useText();
  const { fps, aspect_ratio: ratio, resolution } = settings;
  const { width, height } = sizeOf(ratio, resolution);
  const { length: shots } = plan.shots;
  const figures = [
    clockTime(durationOf(plan, fps)),
    `${width} × ${height}`,
    text('export.fps', { count: fps }),
    shots === 1 ? text('films.oneShot') : text('films.shots', { count: shots }),
  ];
  const stills = plan.shots.filter(({ clip }) => !clip).map(({ shot }) => numberOf(shot._id));

  return (
    <>
      <div className={styles.summary}>
        <p>{figures.join(' · ')}</p>
        <Button size="small" onClick={() => setState({ dialog: 'film-settings' })}>
          {text('settings.name')}
        </Button>
      </div>
      {shots === 0 && <p>{text('error.NOTHING_TO_EXPORT')}</p>}
      {stills.length > 0 && <p className="muted">{text('export.stills', { shots: stills.join(', ') })}</p>}
      {shots > 0 && plan.leftOut.length > 0 && (
        <p className="muted">{text('export.leftOut', { shots: plan.leftOut.map(numberOf).join(', ') })}</p>
      )}
    </>
  );
}
