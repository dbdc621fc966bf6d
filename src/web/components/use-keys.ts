import { useEffect } from 'react';
import { redo, undo } from '../state/history';
import { generate } from '../state/generation';
import { getState, setState } from '../state/store';

/** The keys that work everywhere; where text is typed only those with Ctrl or Cmd do. */
export function useKeys(): void {
  useEffect(() => {
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing || getState().dialog) return;
  const command = event.ctrlKey || event.metaKey ? commandOf(event) : plainOf(event);
  if (!command) return;
  event.preventDefault();
  command();
}

function commandOf({ key, shiftKey, target }: KeyboardEvent): (() => void) | undefined {
  const { selectedId } = getState();
  if (/^[zy]$/i.test(key) && hasUndoOfItsOwn(target)) return undefined;
  if (key.toLowerCase() === 'z') return shiftKey ? redo : undo;
  if (key.toLowerCase() === 'y') return redo;
  if (key === 'Enter' && selectedId) return () => void generate(selectedId);
  return undefined;
}

/** Whether the browser takes back what is typed there: words that are no part of the film yet. */
const hasUndoOfItsOwn = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.matches('input, textarea') && !('ofFilm' in target.dataset);

function plainOf({ key, altKey, target }: KeyboardEvent): (() => void) | undefined {
  const isTyping = target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
  if (isTyping || altKey || !getState().hasLetterKeys) return undefined;
  if (key === '?') return () => setState({ dialog: 'shortcuts' });
  if (key === 'p' && getState().ids.length > 0) return () => setState({ dialog: 'film' });
  if (key === 'a') return () => document.getElementById('add-pictures')?.click();
  return undefined;
}
