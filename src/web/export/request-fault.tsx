import { refusalText, type Refusal } from '../generate/refusal';
import { useText } from '../i18n';
import { Alert } from '../ui/alert';

/** Why a request did not work; nothing where it did. */
export function RequestFault({ fault }: { fault: Refusal | null }) {
  const text = useText();
  if (!fault) return null;
  return (
    <Alert>
      <p>{refusalText(text, fault)}</p>
    </Alert>
  );
}
