import { useMoney } from '../ui/money';
import { useText } from '../i18n';
import { usePreflight } from './use-preflight';

const nothing = {};

/** What failed shots would cost once more. */
export function FailedSum({ ids }: { ids: readonly string[] }) {
  const text = useText();
  const { sum } = useMoney();
  const { preview } = usePreflight({ workspace_ids: ids }, nothing);
  if (!preview || preview.estimate.length === 0) return null;
  return <p>{text('generateAll.sum', { sum: sum(preview.estimate) })}</p>;
}
