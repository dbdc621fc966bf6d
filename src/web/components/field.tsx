import type { ReactNode } from 'react';
import type { FormData } from '../../contract/form';
import { useText } from '../i18n';

export type FieldName = keyof FormData | 'provider';

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
    <div className={`field field-${name}`}>
      <div className="field-head">
        <label htmlFor={fieldId(name)}>{text(`form.${name}`)}</label>
        {isNeeded && <span className="field-needed">{text('form.needed')}</span>}
        {side}
      </div>
      {children}
      {note && (
        <p id={noteId(name)} className={`field-note ${isWrong ? 'is-wrong' : ''}`}>
          {note}
        </p>
      )}
    </div>
  );
}
