import { PageFrame } from '../app/page-frame';
import { errorKey, useText } from '../i18n';
import { filmIdOfAddress, filmPath, filmsPath } from '../state/address';
import { ownFilm, titleOf } from '../state/films';
import { goTo } from '../state/go-to';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Charges } from './charges';
import styles from './costs-page.module.css';
import { DayChart } from './day-chart';
import { FilmLimit } from './film-limit';
import { Limits } from './limits';
import { ModelTable } from './model-table';
import { Sums } from './sums';
import { Unclear } from './unclear';
import { useCosts } from './use-costs';

/** What was spent, what is unclear, and the limits. */
export function CostsPage() {
  const text = useText();
  const film = useStore(ownFilm);
  const filmId = useStore((state) => filmIdOfAddress ?? state.filmId);
  const { costs, charges, hasOlder, error, loadOlder, refresh } = useCosts(filmId, film?.version);

  return (
    <PageFrame
      start={
        <>
          <Button onClick={() => goTo(filmsPath)}>
            <Icon name="films" /> <span>{text('films.name')}</span>
          </Button>
          {film && (
            <Button className={styles.back} onClick={() => goTo(filmPath(film._id))}>
              {titleOf(film)}
            </Button>
          )}
        </>
      }
    >
      <main className={styles.main}>
        <h1>{text('costs.name')}</h1>
        {error && (
          <p role="alert">
            {text(errorKey(error))}{' '}
            <Button size="small" onClick={() => void refresh()}>
              {text('common.retry')}
            </Button>
          </p>
        )}
        {!costs && !error && <p className="muted">{text('costs.loading')}</p>}
        {costs && (
          <>
            <Sums costs={costs} />
            <section className={styles.section} aria-labelledby="costs-limits">
              <h2 id="costs-limits">{text('costs.limits')}</h2>
              <Limits limits={costs.limits} />
              {film && <FilmLimit film={film} spent={costs.film ?? []} />}
            </section>
            <Unclear costs={costs} charges={charges} onSettled={() => void refresh()} />
            <DayChart charges={charges} />
            <ModelTable charges={charges} />
            <Charges charges={charges} hasOlder={hasOlder} onOlder={loadOlder} />
          </>
        )}
      </main>
    </PageFrame>
  );
}
