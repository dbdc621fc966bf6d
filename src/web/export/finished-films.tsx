import { useText } from '../i18n';
import { useStore } from '../state/store';
import styles from './export-sheet.module.css';
import { FinishedFilm } from './finished-film';

/** The finished films of a film, the newest first, and those that are on their way. */
export function FinishedFilms() {
  const text = useText();
  const exports = useStore((state) => state.exports);
  if (exports.length === 0) return null;

  return (
    <section className={styles.part}>
      <h3>{text('export.finished')}</h3>
      <ul className={styles.films} aria-label={text('export.finished')}>
        {exports.map((one) => (
          <FinishedFilm key={one._id} one={one} />
        ))}
      </ul>
    </section>
  );
}
