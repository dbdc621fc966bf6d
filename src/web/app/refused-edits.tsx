import type { FilmChanges } from '../../contract/film';
import { refusalText } from '../generate/refusal';
import { useText, type TextKey, type Translate } from '../i18n';
import { sync } from '../state/connection';
import { useStore } from '../state/store';
import type { Refused } from '../sync/outbox';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import styles from './refused-edits.module.css';

/** Every edit that the server refused, with what it was, until it is dismissed. */
export function RefusedEdits() {
  const text = useText();
  const refused = useStore((state) => state.refused);
  if (refused.length === 0) return null;
  return (
    <aside className={styles.refused} aria-label={text('refused.title')}>
      {refused.map((entry) => (
        <div className={styles.edit} key={entry.message.request_id} role="alert">
          <Icon name="warning" />
          <p>
            <strong>{text('refused.title')}</strong> {reason(entry, text)}
            <span className={styles.what}>{describe(entry, text)}</span>
          </p>
          <Button size="small" onClick={() => sync.dismiss(entry)}>
            {text('common.dismiss')}
          </Button>
        </div>
      ))}
    </aside>
  );
}

// A failure that the server still asks about cannot be put away yet, whatever the field is called.
const reason = ({ message, error }: Refused, text: Translate): string =>
  message.type === 'workspace.dismiss' && error.code === 'INVALID_INPUT'
    ? text('refused.stillOpen')
    : refusalText(text, error);

const kinds = {
  'workspace.create': 'refused.create',
  'workspace.delete': 'refused.delete',
  'workspace.restore': 'refused.restore',
  'workspace.reorder': 'refused.reorder',
  'workspace.choose_take': 'refused.take',
  'workspace.dismiss': 'refused.dismiss',
  'film.create': 'refused.filmCreate',
  'film.delete': 'refused.filmDelete',
  'film.restore': 'refused.filmRestore',
  'film.duplicate': 'refused.filmDuplicate',
} as const satisfies Record<string, TextKey>;

function describe({ message }: Refused, text: Translate): string {
  if (message.type === 'film.update') return describeFilm(message.updates, text);
  if (message.type !== 'workspace.update') return text(kinds[message.type]);
  return Object.entries(message.updates)
    .map(([key, value]) => {
      const isField = /^(form_data|cut)\./.test(key);
      const ofPicture = key.startsWith('end_') ? 'form.endPicture' : 'refused.picture';
      const label = isField ? text(key.replace(/^\w+/, 'form') as TextKey) : text(ofPicture);
      return `${label}: ${String(value)}`;
    })
    .join(' · ');
}

/** The words that would be lost; what else is set is set again with a click. */
const describeFilm = ({ title }: FilmChanges, text: Translate): string =>
  title === undefined ? text('settings.name') : `${text('films.title')}: ${title}`;
