import { errorKey, useText, type TextKey, type Translate } from '../i18n';
import { sync } from '../state/connection';
import { useStore } from '../state/store';
import type { Refused } from '../sync-outbox';
import { Icon } from './icon';

/** Every edit that the server refused, with what it was, until it is dismissed. */
export function RefusedEdits() {
  const text = useText();
  const refused = useStore((state) => state.refused);
  if (refused.length === 0) return null;
  return (
    <aside className="refused" aria-label={text('refused.title')}>
      {refused.map((entry) => (
        <div className="refused-edit" key={entry.message.request_id} role="alert">
          <Icon name="warning" />
          <p>
            <strong>{text('refused.title')}</strong> {text(errorKey(entry.error.code))}
            <span className="refused-what">{describe(entry, text)}</span>
          </p>
          <button type="button" className="button small" onClick={() => sync.dismiss(entry)}>
            {text('common.dismiss')}
          </button>
        </div>
      ))}
    </aside>
  );
}

const kinds = {
  'workspace.create': 'refused.create',
  'workspace.delete': 'refused.delete',
  'workspace.restore': 'refused.restore',
  'workspace.reorder': 'refused.reorder',
  'workspace.choose_take': 'refused.take',
  'workspace.dismiss': 'refused.dismiss',
} as const satisfies Record<string, TextKey>;

function describe({ message }: Refused, text: Translate): string {
  if (message.type !== 'workspace.update') return text(kinds[message.type]);
  return Object.entries(message.updates)
    .map(([key, value]) => {
      const isForm = key.startsWith('form_data.');
      const label = isForm ? text(key.replace('form_data.', 'form.') as TextKey) : text('refused.picture');
      return `${label}: ${String(value)}`;
    })
    .join(' · ');
}
