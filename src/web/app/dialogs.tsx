import { Suspense, type ReactNode } from 'react';
import { BatchSheet } from '../batches/batch-sheet';
import { SecondCharge } from '../generate/second-charge';
import { CompareTakes } from '../stage/compare-takes';
import { Film } from '../stage/film';
import { useStore } from '../state/store';
import { MoveDialog } from '../timeline/move-dialog';
import { lazyPart } from './lazy-part';
import { Shortcuts } from './shortcuts';
import { Trash } from './trash';

const ExportSheet = lazyPart(async () => (await import('../export/export-sheet')).ExportSheet);
const FilmSettings = lazyPart(async () => (await import('../films/film-settings')).FilmSettings);
const FilmSwitch = lazyPart(async () => (await import('../films/film-switch')).FilmSwitch);

/** Whichever window is open. */
export function Dialogs() {
  const dialog = useStore((state) => state.dialog);
  if (dialog === null) return null;
  if (dialog === 'film') return <Film />;
  if (dialog === 'films') return inTime(<FilmSwitch />);
  if (dialog === 'film-settings') return inTime(<FilmSettings />);
  if (dialog === 'export') return inTime(<ExportSheet />);
  if (dialog === 'shortcuts') return <Shortcuts />;
  if (dialog === 'trash') return <Trash />;
  if (dialog === 'generate-all') return <BatchSheet />;
  if ('compare' in dialog) return <CompareTakes urls={dialog.compare} />;
  if ('generate' in dialog) return <BatchSheet chosen={dialog.generate} />;
  if ('move' in dialog) return <MoveDialog ids={dialog.move} />;
  return <SecondCharge id={dialog.secondCharge} accepted={dialog.accepted} />;
}

const inTime = (part: ReactNode) => <Suspense>{part}</Suspense>;
