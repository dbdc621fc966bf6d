import { wasDeletedHere } from '../state/connection';
import { say, showToast } from '../state/notices';
import { bringBack } from '../state/row';
import { useStore } from '../state/store';

/** Says that the chosen shot was deleted in another window, and keeps what is typed on from becoming shortcuts. */
export function watchDeletions(): void {
  useStore.subscribe(({ byId }, before) => {
    const id = before.selectedId;
    if (!id || byId === before.byId || byId[id] || wasDeletedHere(id)) return;
    const number = before.ids.indexOf(id) + 1;
    // Its fields leave the page, and the keys would meet the page itself.
    if (document.activeElement?.matches('input, textarea, select')) holdFocus();
    showToast(say('undo.deletedElsewhere', { number }), { label: say('undo.bringBack'), run: () => bringBack([id]) });
  });
}

function holdFocus(): void {
  const main = document.querySelector('main');
  if (!main) return;
  main.tabIndex = -1;
  main.dataset.takesKeys = '';
  main.focus({ preventScroll: true });
  const release = () => {
    main.removeAttribute('tabindex');
    delete main.dataset.takesKeys;
  };
  main.addEventListener('blur', release, { once: true });
  main.addEventListener('pointerdown', release, { once: true });
}
