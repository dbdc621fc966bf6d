import { useText } from '../i18n';
import { useStore } from '../state/store';
import { Assistant } from './assistant';
import { Dialogs } from './dialogs';
import { DropArea } from './drop-area';
import { FirstVisit } from './first-visit';
import { Form } from './form';
import { GenerateBar } from './generate-bar';
import { RefusedEdits } from './refused-edits';
import { ReplaceFailure } from './replace-failure';
import { Stage } from './stage';
import { Takes } from './takes';
import { Timeline } from './timeline';
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

  return (
    <DropArea>
      <TopBar />
      <RefusedEdits />
      {isEmpty ? (
        <main className="empty">{isLoaded ? <FirstVisit /> : <p className="muted">{text('common.loading')}</p>}</main>
      ) : (
        <main className="workbench">
          <h1 className="hidden">{text('app.title')}</h1>
          <section className="stage-area" aria-label={text('stage.name')}>
            <Stage />
            <ReplaceFailure />
            <GenerateBar />
            <Takes />
          </section>
          <Timeline />
          <div className="side">
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
