import { useRef, useState } from 'react';
import type { Film } from '../../contract/film';
import { useText } from '../i18n';
import { filmPath } from '../state/address';
import { sync } from '../state/connection';
import { titleOf } from '../state/films';
import { canLeave } from '../state/go-to';
import { isStoredFilm } from '../sync/films';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/icon-button';
import { useTime } from '../ui/use-time';
import { cleanTitle, titleMaxUnits } from './clean-title';
import { useFilmFigures } from './film-figures';
import styles from './film-row.module.css';
import { TitleInput } from './title-input';

/** A film in the list: its poster and title open it. */
export function FilmRow({ film, onDelete }: { film: Film; onDelete: (id: string) => void }) {
  const text = useText();
  const time = useTime();
  const figures = useFilmFigures(film);
  const [isRenaming, setIsRenaming] = useState(false);
  const renameButton = useRef<HTMLButtonElement>(null);
  const { _id: id, poster_url: poster, updated_at: changedAt } = film;
  const isStored = isStoredFilm(film);
  const title = titleOf(film);

  const rename = (wanted: string | null) => {
    setIsRenaming(false);
    if (wanted !== null && wanted !== film.title) sync.films.update(id, { title: wanted });
    renameButton.current?.focus();
  };
  const duplicate = () => {
    const copy = text('films.copyOf', { title: film.title });
    sync.films.duplicate(id, film.title ? cleanTitle(copy.slice(0, titleMaxUnits)) : '');
  };

  return (
    <li className={styles.film}>
      <div className={styles.poster}>{poster ? <img src={poster} alt="" loading="lazy" /> : <Icon name="films" />}</div>
      <div className={styles.words}>
        {isRenaming ? (
          <TitleInput title={film.title} onEnd={rename} />
        ) : (
          <h2>
            {isStored ? (
              <a href={filmPath(id)} onClick={(event) => canLeave() || event.preventDefault()}>
                {title}
              </a>
            ) : (
              title
            )}
          </h2>
        )}
        <p className="muted">{figures}</p>
        <p className="muted">{isStored ? text('films.changed', { time: time(changedAt) }) : text('films.unsaved')}</p>
      </div>
      <div className={styles.buttons}>
        <IconButton ref={renameButton} icon="pencil" label={text('films.rename')} onClick={() => setIsRenaming(true)} />
        <IconButton icon="copy" label={text('films.duplicate')} onClick={duplicate} />
        <IconButton icon="trash" label={text('films.delete')} onClick={() => onDelete(id)} />
      </div>
    </li>
  );
}
