import { memo } from 'react';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { Field, fieldId, noteId } from './field';
import styles from './sound-field.module.css';

type Props = { shotId: string; value: boolean; wrong?: string };

/** Whether the next clip of this shot is made with sound. */
export const SoundField = memo(function SoundField({ shotId, value, wrong }: Props) {
  const text = useText();
  return (
    <Field name="audio" note={wrong} isWrong={wrong !== undefined}>
      <span className={styles.row}>
        <input
          id={fieldId('audio')}
          className={styles.switch}
          data-of-film
          type="checkbox"
          role="switch"
          aria-invalid={wrong !== undefined}
          aria-describedby={wrong && noteId('audio')}
          checked={value}
          onChange={({ target }) => editForm(shotId, { audio: target.checked })}
        />
        <span aria-hidden="true">{text(value ? 'form.soundOn' : 'form.soundOff')}</span>
      </span>
    </Field>
  );
});
