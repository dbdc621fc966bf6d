import { useText } from '../i18n';
import { filters, shownIds } from '../state/filter';
import { setFilter } from '../state/selection';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import styles from './filter-bar.module.css';

/** Shows all shots, or those of one kind, and how many these are. */
export function FilterBar() {
  const text = useText();
  const filter = useStore((state) => state.filter);
  const count = useStore(({ ids }) => ids.length);
  const shown = useStore((state) => shownIds(state).length);
  return (
    <div className={styles.filter} role="group" aria-label={text('filter.name')}>
      {filters.map((one) => (
        <button key={one} type="button" aria-pressed={one === filter} onClick={() => setFilter(one)}>
          {text(`filter.${one}`)}
        </button>
      ))}
      <span className="muted" aria-live="polite">
        {filter !== 'all' && text('filter.count', { shown, count })}
      </span>
    </div>
  );
}

/** What the timeline says where the filter lets nothing through. */
export function NothingShown() {
  const text = useText();
  const filter = useStore((state) => state.filter);
  if (filter === 'all') return null;
  return (
    <p className={styles.none}>
      {text(`filter.none.${filter}`)}{' '}
      <Button size="small" onClick={() => setFilter('all')}>
        {text('filter.showAll')}
      </Button>
    </p>
  );
}
