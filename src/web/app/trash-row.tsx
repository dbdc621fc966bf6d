import type { TrashedFilm, TrashedShot } from '../api';
import { useWord } from '../form/use-word';
import { useText } from '../i18n';
import { useFilmFigures } from '../films/film-figures';
import { titleOf } from '../state/films';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { useTime } from '../ui/use-time';
import styles from './trash.module.css';

type Props = { still: string | null; words: string; note?: string; deletedAt: string; onRestore: () => void };

export function TrashedShotRow({ shot, onRestore }: { shot: TrashedShot; onRestore: () => void }) {
  const text = useText();
  const { form_data: form, video, image_url: picture } = shot;
  const movement = useWord('camera_movements', form.camera_movement);
  const film = useStore(({ films, filmId }) => films.find(({ _id: id }) => id === shot.film_id && id !== filmId));
  const words = form.prompt || movement || text('trash.noWords');
  const note = film && text('trash.ofFilm', { title: titleOf(film) });
  return (
    <Row
      still={video.poster_url ?? picture}
      words={words}
      note={note}
      deletedAt={shot.deleted_at}
      onRestore={onRestore}
    />
  );
}

export function TrashedFilmRow({ film, onRestore }: { film: TrashedFilm; onRestore: () => void }) {
  const text = useText();
  const figures = useFilmFigures(film);
  const note = `${text('trash.film')} · ${figures}`;
  return (
    <Row still={film.poster_url} words={titleOf(film)} note={note} deletedAt={film.deleted_at} onRestore={onRestore} />
  );
}

function Row({ still, words, note, deletedAt, onRestore }: Props) {
  const text = useText();
  const time = useTime();
  return (
    <li>
      {still ? <img src={still} alt="" loading="lazy" /> : <span className={styles.blank} />}
      <div>
        <p className={styles.words}>{words}</p>
        {note && <p className="muted">{note}</p>}
        <p className="muted">{text('trash.deletedAt', { time: time(deletedAt) })}</p>
      </div>
      <Button size="small" onClick={onRestore}>
        {text('trash.restore')}
      </Button>
    </li>
  );
}
