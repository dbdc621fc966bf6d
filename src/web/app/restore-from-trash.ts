import type { TrashedFilm, TrashedShot } from '../api';
import { filmPath, isFilmsPage } from '../state/address';
import { sync } from '../state/connection';
import { openWhenStored, titleOf } from '../state/films';
import { goTo } from '../state/go-to';
import { record } from '../state/history';
import { say, showToast } from '../state/notices';
import { select } from '../state/selection';
import { getState, useStore } from '../state/store';

/** Brings a shot back from the trash, and chooses it when the server has told of it; undoable. One of another film is back there. */
export function restoreFromTrash({ _id: id, film_id: filmId }: TrashedShot): void {
  if (isFilmsPage || filmId !== getState().filmId) return restoreElsewhere(id, filmId);
  const stop = useStore.subscribe(({ byId }) => {
    if (!byId[id]) return;
    stop();
    select(id);
  });
  record({ kind: 'create', ids: [id] });
  sync.restore(id);
}

export function restoreFilm(film: TrashedFilm): void {
  sync.films.restore(film._id);
  const open = { label: say('films.open'), run: () => openWhenStored(film._id) };
  showToast(say('trash.filmRestored', { title: titleOf(film) }), open);
}

function restoreElsewhere(id: string, filmId: string): void {
  sync.restore(id);
  const film = getState().films.find((one) => one._id === filmId);
  const open = { label: say('films.open'), run: () => goTo(filmPath(filmId)) };
  showToast(say('trash.shotRestored', { title: titleOf(film) }), open);
}
