import { useEffect } from 'react';
import { generate } from '../generate/generation';
import { redo, undo } from '../state/history';
import { duplicate } from '../state/row';
import { chosenIds, hasMany, selectAll, selectOne } from '../state/selection';
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

function commandOf({ key, shiftKey, repeat, target }: KeyboardEvent): (() => void) | undefined {
  const { selectedId } = getState();
  if (key.toLowerCase() === 'a' && !isTextBox(target)) return selectAll;
  if (key.toLowerCase() === 'd' && !repeat && !hasUndoOfItsOwn(target)) return () => duplicate(chosenIds());
  if (/^[zy]$/i.test(key) && hasUndoOfItsOwn(target)) return undefined;
  if (key.toLowerCase() === 'z') return shiftKey ? redo : undo;
  if (key.toLowerCase() === 'y') return redo;
  if (key.toLowerCase() === 'k') return () => setState({ dialog: 'films' });
  if (key === 'Enter' && selectedId) return () => void generate(selectedId);
  return undefined;
}

/** Whether the browser takes back what is typed there: words that are no part of the film yet. */
const hasUndoOfItsOwn = (target: EventTarget | null): boolean => isTextBox(target) && !('ofFilm' in target.dataset);

const isTextBox = (target: EventTarget | null): target is HTMLElement =>
  target instanceof HTMLElement && target.matches('input, textarea, [contenteditable]');

function plainOf({ key, altKey, target }: KeyboardEvent): (() => void) | undefined {
  if (key === 'Escape' && hasMany(getState())) return selectOne;
  const isTyping = isTextBox(target) || (target instanceof HTMLElement && target.matches('select, [data-takes-keys]'));
  if (isTyping || altKey || !getState().hasLetterKeys) return undefined;
  if (key === '?') return () => setState({ dialog: 'shortcuts' });
  if (key === 'p' && getState().ids.length > 0) return () => setState({ dialog: 'film' });
  if (key === 'a') return () => document.getElementById('add-pictures')?.click();
  return undefined;
}
