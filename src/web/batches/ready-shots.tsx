import type { BatchPreview } from '../../contract/batch';
import { useText } from '../i18n';
import { movesPictureOnly } from '../state/providers';
import { useStore } from '../state/store';
import { useMoney } from '../ui/money';
import { ShotList } from './shot-list';
import { ShotRow } from './shot-row';

type ReadyShot = BatchPreview['ready'][number];

/** The shots that would be made, in the order of the film: by whom, how long, for how much, and after which. */
export function ReadyShots({ ready }: { ready: BatchPreview['ready'] }) {
  const text = useText();
  return (
    <ShotList name={text('batch.ready')} count={ready.length}>
      {ready.map((shot) => (
        <ShotRow key={shot.workspace_id} id={shot.workspace_id} note={<Terms shot={shot} />} />
      ))}
    </ShotList>
  );
}

function Terms({ shot }: { shot: ReadyShot }) {
  const text = useText();
  const { about } = useMoney();
  const before = useStore(({ ids }) => (shot.waits_for ? ids.indexOf(shot.waits_for) + 1 : 0));
  const { provider, model, duration_s: seconds, cost } = shot;
  const unknown = movesPictureOnly(provider) ? null : text('money.unknown');
  return [
    before > 0 && text('batch.after', { number: before }),
    model,
    text('common.seconds', { count: seconds }),
    cost ? about(cost) : unknown,
  ]
    .filter(Boolean)
    .join(' · ');
}
