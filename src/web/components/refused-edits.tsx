import { useText, type TextKey, type Translate } from '../i18n';
import { sync } from '../state/connection';
import { refusalText } from '../refusal';
import { useStore } from '../state/store';
import type { Refused } from '../sync/outbox';
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
            <strong>{text('refused.title')}</strong> {reason(entry, text)}
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
