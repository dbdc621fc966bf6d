import { memo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { AiEntry } from '../../contract/conversation';
import { formKeys } from '../../contract/defaults';
import type { FormData } from '../../contract/form';
import { useWord, type Vocabulary } from '../form/use-word';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import { Icon } from '../ui/icon';
import { splitNote } from './advice-note';
import { Exchange } from './exchange';
import styles from './suggestion-card.module.css';

type Props = { shotId: string; entry: AiEntry; isLatest: boolean };

const vocabularies: Partial<Record<keyof FormData, Vocabulary>> = {
  camera_movement: 'camera_movements',
  shot_size: 'shot_sizes',
  lighting: 'lightings',
};

/** One exchange: what was asked, the advice, and field by field what it would change. */
export const SuggestionCard = memo(function SuggestionCard({ shotId: id, entry, isLatest }: Props) {
  const text = useText();
  const { message, form_data: suggested } = entry.suggestion;
  const { advice, note } = splitNote(message);
  const keys = formKeys.filter((key) => suggested[key] !== undefined);
  // Only the fields it names, so that typing in another one leaves the conversation alone.
  const form = useStore(useShallow(({ byId }) => pick(byId[id]?.form_data, keys)));
  const open = keys.filter((key) => suggested[key] !== form[key]);

  return (
    <Exchange said={entry.message}>
      <div className={styles.answer}>
        <p className={styles.advice}>{advice}</p>
        {note && <p className={classes(styles.advice, 'muted')}>{text(note)}</p>}
        {keys.length > 0 && (isLatest || open.length > 0) && (
          <ul className={styles.changes}>
            {keys.map((key) => (
              <li key={key}>
                <span className={styles.label}>{text(`form.${key}`)}</span>
                <span className={styles.values}>
                  {suggested[key] !== form[key] && <Value name={key} value={form[key] ?? null} isOld />}
                  <Value name={key} value={suggested[key] ?? null} />
                </span>
                {suggested[key] === form[key] ? (
                  <span className={styles.done} title={text('assistant.applied')}>
                    <Icon name="check" />
                  </span>
                ) : (
                  <Button size="small" onClick={() => editForm(id, { [key]: suggested[key] })}>
                    <span aria-hidden="true">{text('assistant.use')}</span>
                    <span className="hidden">{text('assistant.useField', { field: text(`form.${key}`) })}</span>
                  </Button>
                )}
              </li>
            ))}
          </ul>
        )}
        {open.length > 0 && (
          <Button size="small" kind={isLatest ? 'primary' : undefined} onClick={() => editForm(id, suggested)}>
            {text(isLatest ? 'assistant.apply' : 'assistant.useAgain')}
          </Button>
        )}
      </div>
    </Exchange>
  );
});

function pick(form: FormData | undefined, keys: (keyof FormData)[]): Partial<FormData> {
  return Object.fromEntries(keys.map((key) => [key, form?.[key]]));
}

function Value({ name, value, isOld }: { name: keyof FormData; value: FormData[keyof FormData]; isOld?: boolean }) {
  const text = useText();
  const word = useWord(vocabularies[name] ?? 'camera_movements', vocabularies[name] ? String(value) : '');
  const shown = vocabularies[name]
    ? word
    : name === 'duration_s'
      ? text('common.seconds', { count: Number(value ?? 0) })
      : String(value ?? '');
  return isOld ? <del>{shown || text('assistant.empty')}</del> : <ins>{shown || text('assistant.empty')}</ins>;
}
