import type { FormData } from '../../contract/form';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { useSelected, useStore } from '../state/store';
import { Button } from '../ui/button';
import { waysOut } from './ways';

type Props = {
  /** Without, all that the form lacks. */
  field?: keyof FormData;
  /** Where the focus goes, as the button is gone then. */
  focusId: string;
};

/** A button for each change after which the chosen shot can be made. */
export function WaysOut({ field, focusId }: Props) {
  const text = useText();
  const options = useStore((state) => state.options);
  const shot = useSelected();
  if (!shot) return null;
  const { _id: id, form_data: form } = shot;
  return waysOut(text, { options }, form, field).map(({ label, change }) => (
    <Button
      key={label}
      size="small"
      onClick={() => {
        editForm(id, change);
        document.getElementById(focusId)?.focus();
      }}
    >
      {label}
    </Button>
  ));
}
