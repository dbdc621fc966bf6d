import { memo } from 'react';
import { useText } from '../i18n';
import { edit } from '../state/shots';
import { Field, fieldId } from './field';
import styles from './volume-field.module.css';

type Props = { shotId: string; value: number; isSilent: boolean };

/** How loud the clip is in the film, from 0 to 1. */
export const VolumeField = memo(function VolumeField({ shotId, value, isSilent }: Props) {
  const text = useText();
  const shown = text('form.percent', { count: Math.round(value * 100) });
  return (
    <Field
      name="volume"
      note={isSilent ? text('form.silent') : undefined}
      side={
        <span className={styles.value} aria-hidden="true">
          {shown}
        </span>
      }
    >
      <input
        id={fieldId('volume')}
        className={styles.volume}
        data-of-film
        type="range"
        min={0}
        max={1}
        step={0.01}
        aria-valuetext={shown}
        value={value}
        onChange={({ target }) => edit(shotId, { 'cut.volume': Number(target.value) })}
      />
    </Field>
  );
});
