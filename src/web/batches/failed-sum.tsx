import { useMoney } from '../ui/money';
import { useText } from '../i18n';
import { usePreflight } from './use-preflight';

const failed = { only: 'failed' } as const;
const nothing = {};

/** What the failed shots would cost once more. */
export function FailedSum() {
  const text = useText();
  const { sum } = useMoney();
  const { preview } = usePreflight(failed, nothing);
  if (!preview || preview.estimate.length === 0) return null;
  return <p>{text('generateAll.sum', { sum: sum(preview.estimate) })}</p>;
}
