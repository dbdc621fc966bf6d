import { useStore } from '../state/store';
import { CompareTakes } from './compare-takes';
import { Film } from './film';
import { GenerateAll } from './generate-all';
import { SecondCharge } from './second-charge';
import { Shortcuts } from './shortcuts';
import { Trash } from './trash';

/** Whichever window is open. */
export function Dialogs() {
  const dialog = useStore((state) => state.dialog);
  if (dialog === null) return null;
  if (dialog === 'film') return <Film />;
  if (dialog === 'shortcuts') return <Shortcuts />;
  if (dialog === 'trash') return <Trash />;
  if (dialog === 'generate-all') return <GenerateAll />;
  if ('compare' in dialog) return <CompareTakes urls={dialog.compare} />;
  return <SecondCharge id={dialog.secondCharge} />;
}
