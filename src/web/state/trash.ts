import { sync } from './connection';
import { record } from './history';
import { select } from './shots';
import { useStore } from './store';

/** Brings a shot back from the trash, and chooses it when the server has told of it; undoable. */
export function restoreFromTrash(id: string): void {
  const stop = useStore.subscribe(({ byId }) => {
    if (!byId[id]) return;
    stop();
    select(id);
  });
  record({ kind: 'create', ids: [id] });
  sync.restore(id);
}
