import { useText } from '../i18n';
import { ownFilm } from '../state/films';
import { setState, useStore } from '../state/store';
import { Icon } from '../ui/icon';
import styles from './film-title.module.css';

/** The title of the film in the top bar, which opens the quick switch. */
export function FilmTitle() {
  const text = useText();
  const title = useStore((state) => ownFilm(state)?.title.trim());
  if (title === undefined) return <span className={styles.title} />;
  const shown = title || text('films.untitled');
  return (
    <button
      type="button"
      className={styles.title}
      aria-label={text('films.switchFrom', { title: shown })}
      title={shown}
      aria-haspopup="dialog"
      onClick={() => setState({ dialog: 'films' })}
    >
      <span>{shown}</span>
      <Icon name="chevron" />
    </button>
  );
}
