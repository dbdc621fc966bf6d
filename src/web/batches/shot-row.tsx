import type { ReactNode } from 'react';
import { useText } from '../i18n';
import { select, setFilter } from '../state/selection';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { closeDialog } from '../ui/modal';
import styles from './shot-row.module.css';

type Props = {
  id: string;
  /** What is said of it at the end of the line. */
  note: ReactNode;
  /** Whether a press leads to the shot. */
  leads?: boolean;
  children?: ReactNode;
};

/** One shot of a list: its name, the beginning of its prompt, and what there is to say of it. */
export function ShotRow({ id, note, leads, children }: Props) {
  const text = useText();
  const number = useStore(({ ids }) => ids.indexOf(id) + 1);
  const prompt = useStore(({ byId }) => byId[id]?.form_data.prompt);
  const go = () => {
    closeDialog();
    setFilter('all');
    select(id);
  };
  return (
    <li className={styles.row}>
      <strong>{number > 0 ? text('card.name', { number }) : text('batch.deletedShot')}</strong>
      <span className={styles.words}>{prompt}</span>
      <span className={styles.note}>{note}</span>
      {leads && number > 0 && (
        <Button size="small" onClick={go}>
          {text('batch.goTo', { number })}
        </Button>
      )}
      {children}
    </li>
  );
}
