import type { ReactNode } from 'react';
import { ApplyField } from './apply-field';
import { WaysOut } from '../generate/ways-out';
import { useText } from '../i18n';
import { classes } from '../ui/classes';
import { EditedElsewhere } from './edited-elsewhere';
import { isOfCut, keyOf, type FieldName } from './field-name';
import styles from './field.module.css';

export const fieldId = (name: FieldName): string => `field-${name}`;
export const noteId = (name: FieldName): string => `${fieldId(name)}-note`;

type Props = {
  name: FieldName;
  note?: string;
  isWrong?: boolean;
  /** Whether the provider needs it and it is empty. */
  isNeeded?: boolean;
  side?: ReactNode;
  children: ReactNode;
};

/** A field with its label, what is to be said about it, and a note under it. */
export function Field({ name, note, isWrong, isNeeded, side, children }: Props) {
  const text = useText();
  return (
    <div className={styles.field}>
      <div className={styles.head}>
        <label htmlFor={fieldId(name)}>{text(`form.${name}`)}</label>
        {isNeeded && <span className={styles.needed}>{text('form.needed')}</span>}
        <span className={styles.side}>
          {side}
          {!isOfCut(name) && <ApplyField name={name} />}
        </span>
      </div>
      {children}
      {note && (
        <p id={noteId(name)} className={classes(styles.note, isWrong && styles.wrong)}>
          {note}
        </p>
      )}
      {(isWrong || isNeeded) && !isOfCut(name) && (
        <div className={styles.ways}>
          <WaysOut field={name} focusId={fieldId(name)} />
        </div>
      )}
      <EditedElsewhere field={keyOf(name)} />
    </div>
  );
}
