import { useEffect, useState } from 'react';
import { ApiError, getTrash, type TrashedFilm, type TrashedShot } from '../api';
import { errorKey, useText } from '../i18n';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { Modal } from '../ui/modal';
import { restoreFilm, restoreFromTrash } from './restore-from-trash';
import { TrashedFilmRow, TrashedShotRow } from './trash-row';
import styles from './trash.module.css';

type Trashed = TrashedFilm | TrashedShot;
type Trash = Trashed[] | { error: ApiError['code'] } | null;

const isShot = (one: Trashed): one is TrashedShot => 'film_id' in one;

/** The deleted shots and films that can be restored, the latest first. */
export function Trash() {
  const text = useText();
  const [trash, setTrash] = useState<Trash>(null);
  const load = () => {
    setTrash(null);
    getTrash()
      .then(({ films, workspaces }) => setTrash(newestFirst([...films, ...workspaces])))
      .catch((error: unknown) => setTrash({ error: error instanceof ApiError ? error.code : 'NETWORK' }));
  };
  useEffect(load, []);
  const restore = (one: Trashed) => {
    if (isShot(one)) restoreFromTrash(one);
    else restoreFilm(one);
    setTrash((shown) => (Array.isArray(shown) ? shown.filter((other) => other !== one) : shown));
  };

  return (
    <Modal title={text('trash.name')}>
      <p className="muted">{text('trash.kept')}</p>
      {trash === null && <p role="status">{text('trash.loading')}</p>}
      {trash !== null && 'error' in trash && (
        <Alert>
          <p>{text(errorKey(trash.error))}</p>
          <Button size="small" onClick={load}>
            {text('common.retry')}
          </Button>
        </Alert>
      )}
      {Array.isArray(trash) && trash.length === 0 && <p>{text('trash.empty')}</p>}
      {Array.isArray(trash) && trash.length > 0 && (
        <ul className={styles.list} aria-label={text('trash.name')}>
          {trash.map((one) =>
            isShot(one) ? (
              <TrashedShotRow key={one._id} shot={one} onRestore={() => restore(one)} />
            ) : (
              <TrashedFilmRow key={one._id} film={one} onRestore={() => restore(one)} />
            ),
          )}
        </ul>
      )}
    </Modal>
  );
}

const newestFirst = (all: Trashed[]): Trashed[] => all.sort((a, b) => (a.deleted_at < b.deleted_at ? 1 : -1));
