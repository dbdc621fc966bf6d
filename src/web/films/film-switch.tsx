import { useState, type KeyboardEvent } from 'react';
import type { Film } from '../../contract/film';
import { useText } from '../i18n';
import { filmPath, isFilmsPage } from '../state/address';
import { byRecency, titleOf } from '../state/films';
import { goTo } from '../state/go-to';
import { useStore } from '../state/store';
import { isStoredFilm } from '../sync/films';
import { isComposing } from '../ui/composing';
import { closeDialog, Modal } from '../ui/modal';
import { useFilmFigures } from './film-figures';
import styles from './film-switch.module.css';

const optionId = (id: string): string => `film-${id}`;

/** Goes to another film by the keyboard: typing filters, arrows choose, Enter opens. */
export function FilmSwitch() {
  const text = useText();
  const films = useStore((state) => state.films);
  const openId = useStore(({ filmId }) => (isFilmsPage ? null : filmId));
  const [words, setWords] = useState('');
  const [chosenId, setChosenId] = useState<string | null>(null);
  const shown = byRecency(films).filter((film) => isStoredFilm(film) && isFound(film, words));
  // The one that was left for this one is the likeliest.
  const chosen = shown.find(({ _id: id }) => id === chosenId) ?? shown.find(({ _id: id }) => id !== openId) ?? shown[0];

  const open = (id: string) => (id === openId ? closeDialog() : goTo(filmPath(id)));
  const press = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter' && chosen) open(chosen._id);
    if (!step || !chosen) return;
    event.preventDefault();
    const next = shown.at((shown.indexOf(chosen) + step) % shown.length)!;
    setChosenId(next._id);
    document.getElementById(optionId(next._id))?.scrollIntoView({ block: 'nearest' });
  };

  return (
    <Modal title={text('films.switch')}>
      <input
        data-first
        role="combobox"
        aria-label={text('films.find')}
        aria-expanded
        aria-controls="film-switch"
        aria-activedescendant={chosen && optionId(chosen._id)}
        placeholder={text('films.find')}
        value={words}
        onChange={({ target }) => {
          setWords(target.value);
          setChosenId(null);
        }}
        onKeyDown={press}
      />
      {shown.length === 0 && <p className="muted">{text('films.noneFound')}</p>}
      <ul className={styles.films} id="film-switch" role="listbox" aria-label={text('films.name')}>
        {shown.map((film) => (
          <Option
            key={film._id}
            film={film}
            isChosen={film === chosen}
            isOpen={film._id === openId}
            onOpen={() => open(film._id)}
          />
        ))}
      </ul>
    </Modal>
  );
}

type Props = { film: Film; isChosen: boolean; isOpen: boolean; onOpen: () => void };

function Option({ film, isChosen, isOpen, onOpen }: Props) {
  const text = useText();
  const figures = useFilmFigures(film);
  return (
    <li
      id={optionId(film._id)}
      className={styles.film}
      role="option"
      aria-selected={isChosen}
      onClick={onOpen}
      // The words stay where they are typed.
      onPointerDown={(event) => event.preventDefault()}
    >
      <span className={styles.title}>{titleOf(film)}</span>
      <span className="muted">{isOpen ? text('films.here') : figures}</span>
    </li>
  );
}

const isFound = (film: Film, words: string): boolean =>
  titleOf(film).toLocaleLowerCase().includes(words.trim().toLocaleLowerCase());
