import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { clipOf } from '../../contract/continuity';
import { useSelected } from '../state/store';
import { Take } from './take';
import styles from './takes.module.css';

/** The finished clips of the chosen shot, oldest first; one of them is in the film. */
export function Takes() {
  const text = useText();
  const workspace = useSelected();
  if (!workspace || workspace.takes.length === 0) return null;
  const clip = clipOf(workspace);

  return (
    <section className={styles.takes} aria-label={text('takes.name')}>
      <h2>{text('takes.name')}</h2>
      <div className={styles.row}>
        {oldestFirst(workspace).map((take, index) => (
          <Take
            key={take.attempt_id ?? index}
            workspace={workspace}
            take={take}
            clip={take === clip ? null : clip}
            number={index + 1}
          />
        ))}
      </div>
    </section>
  );
}

const oldestFirst = ({ video, takes }: Workspace) =>
  [...(video.status === 'completed' ? [video] : []), ...takes].sort((a, b) =>
    (a.completed_at ?? '').localeCompare(b.completed_at ?? ''),
  );
