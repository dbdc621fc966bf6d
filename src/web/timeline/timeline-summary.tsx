import { durationOf } from '../../film/plan';
import { useText } from '../i18n';
import { useFilmPlan } from '../state/film-plan';
import { useStore } from '../state/store';
import { classes } from '../ui/classes';
import { clockTime } from '../ui/clock';
import styles from './timeline-summary.module.css';

/** How many shots the film has, and how long it is; one that has nothing to show yet counts as long as it is to be. */
export function TimelineSummary() {
  const text = useText();
  const shots = useStore(({ ids }) => ids.length);
  const { plan, settings } = useFilmPlan();
  const key = shots === 1 ? 'timeline.summaryOne' : 'timeline.summary';
  const leftOut = useStore(({ byId }) =>
    plan.leftOut.reduce((sum, id) => sum + (byId[id]?.form_data.duration_s ?? 0), 0),
  );
  const time = clockTime(durationOf(plan, settings.fps) + leftOut);
  return <p className={classes(styles.summary, 'muted')}>{text(key, { shots, time })}</p>;
}
