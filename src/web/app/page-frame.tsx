import type { ReactNode } from 'react';
import { useStore } from '../state/store';
import { Mark } from '../ui/mark';
import { Dialogs } from './dialogs';
import { PageButtons } from './page-buttons';
import styles from './page-frame.module.css';
import { RefusedEdits } from './refused-edits';
import { SaveState } from './save-state';
import { Toasts } from './toasts';

type Props = {
  /** What stands at the beginning of the bar, after the mark. */
  start: ReactNode;
  children: ReactNode;
};

/** What every page but the timeline has around it: the bar, refused edits, messages and dialogs. */
export function PageFrame({ start, children }: Props) {
  const announcement = useStore((state) => state.announcement);

  return (
    <div className={styles.page}>
      <header className={styles.bar}>
        <Mark />
        {start}
        <SaveState />
        <div className={styles.buttons}>
          <PageButtons />
        </div>
      </header>
      <RefusedEdits />
      {children}
      <p className="hidden" aria-live="polite">
        <span key={announcement.at}>{announcement.text}</span>
      </p>
      <Toasts isLow />
      <Dialogs />
    </div>
  );
}
