import { useText } from '../i18n';
import { dropOtherText } from '../state/other-texts';
import { bringOtherText } from '../state/shots';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import type { FieldKey } from './field-name';
import styles from './field.module.css';

const words: FieldKey[] = ['form_data.prompt', 'form_data.negative_prompt', 'cut.caption'];

/** Under a field that was written in two windows at once: what the other one wrote, and a way to have that. */
export function EditedElsewhere({ field }: { field: FieldKey }) {
  const text = useText();
  const id = useStore((state) => state.selectedId);
  const other = useStore(({ otherTexts, selectedId }) => otherTexts[`${selectedId} ${field}`]);
  if (!id || !other) return null;
  const isWords = words.includes(field);
  return (
    <div className={styles.note}>
      <p>
        {text('elsewhere.title')}
        {isWords && `: “${String(other.value)}”`}
      </p>
      <Button size="small" onClick={() => bringOtherText(id, field, other.value)}>
        {text('elsewhere.bring')}
      </Button>{' '}
      <Button size="small" onClick={() => dropOtherText(id, field)}>
        {text('common.dismiss')}
      </Button>
    </div>
  );
}
