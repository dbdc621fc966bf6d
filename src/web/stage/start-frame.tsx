import { clipOf } from '../../contract/continuity';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { neighboursOf } from '../state/neighbours';
import { useStore } from '../state/store';
import { Icon } from '../ui/icon';
import { LastFrame } from './last-frame';
import styles from './stage.module.css';

/** What a linked shot without a clip begins with. */
export function StartFrame({ shot }: { shot: Workspace }) {
  const text = useText();
  const previous = useStore((state) => neighboursOf(shot._id, state).previous);
  const number = useStore(({ ids }) => ids.indexOf(shot._id));
  if (previous && clipOf(previous)) {
    return <LastFrame shot={shot} label={text('source.frame', { number })} className={styles.media} />;
  }
  return (
    <p className={styles.blank}>
      <Icon name="link" /> {text(previous ? 'source.lacks.previousClip' : 'source.lacks.previous', { number })}
    </p>
  );
}
