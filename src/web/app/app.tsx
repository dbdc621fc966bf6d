import { Assistant } from '../assistant/assistant';
import { Form } from '../form/form';
import { GenerateBar } from '../generate/generate-bar';
import { useText } from '../i18n';
import { ReplaceFailure } from '../pictures/replace-failure';
import { Stage } from '../stage/stage';
import { Takes } from '../stage/takes';
import { useStore } from '../state/store';
import { DropArea } from '../timeline/drop-area';
import { Timeline } from '../timeline/timeline';
import styles from './app.module.css';
import { Dialogs } from './dialogs';
import { FirstVisit } from './first-visit';
import { usePlace } from './place';
import { RefusedEdits } from './refused-edits';
import { Toasts } from './toasts';
import { TopBar } from './top-bar';
import { useKeys } from './use-keys';

/** The whole page: the player, the timeline under it, the form and the assistant beside it. */
export function App() {
  const text = useText();
  const isEmpty = useStore(({ ids, uploads }) => ids.length === 0 && uploads.length === 0);
  const isLoaded = useStore((state) => state.isLoaded);
  const announcement = useStore((state) => state.announcement);
  useKeys();
  usePlace(isLoaded && !isEmpty);

  return (
    <DropArea>
      <TopBar />
      <RefusedEdits />
      {isEmpty ? (
        <main className={styles.empty}>
          {isLoaded ? <FirstVisit /> : <p className="muted">{text('common.loading')}</p>}
        </main>
      ) : (
        <main className={styles.workbench}>
          <h1 className="hidden">{text('app.title')}</h1>
          <section className={styles.player} aria-label={text('stage.name')}>
            <Stage />
            <ReplaceFailure />
            <GenerateBar />
            <Takes />
          </section>
          <Timeline />
          <div className={styles.side}>
            <Form />
            <Assistant />
          </div>
        </main>
      )}
      <p className="hidden" aria-live="polite">
        <span key={announcement.at}>{announcement.text}</span>
      </p>
      <Toasts />
      <Dialogs />
    </DropArea>
  );
}
