import type { BatchPreview } from '../../contract/batch';
import { isOfLimit } from '../generate/limit-refusal';
import { refusalText } from '../generate/refusal';
import { useText } from '../i18n';
import { providerOf } from '../state/providers';
import { lacksOf } from '../state/sources';
import { useStore } from '../state/store';
import { ShotList } from './shot-list';
import { ShotRow } from './shot-row';

type BlockedShot = BatchPreview['blocked'][number];

const ofSources = new Set<BlockedShot['code']>(['IMAGE_MISSING', 'PREVIOUS_CLIP_MISSING', 'NEXT_IMAGE_MISSING']);

/** The shots that cannot be made, each with what is missing and a way to it. */
export function MissingShots({ blocked }: { blocked: BatchPreview['blocked'] }) {
  const text = useText();
  return (
    <ShotList name={text('batch.missing')} count={blocked.length}>
      {blocked.map((shot) => (
        <ShotRow key={shot.workspace_id} id={shot.workspace_id} leads note={<Reason blocked={shot} />} />
      ))}
    </ShotList>
  );
}

function Reason({ blocked }: { blocked: BlockedShot }) {
  const text = useText();
  return useStore((state) => {
    const { workspace_id: id, code, details } = blocked;
    if (isOfLimit(code)) return text(`batch.blocked.${code}`);
    const shot = state.byId[id];
    // The page knows which shot lacks what; a code does not.
    const lacks = shot && ofSources.has(code) ? lacksOf(shot, state) : [];
    if (lacks.length > 0) return lacks.map(({ what, number }) => text(`source.lacks.${what}`, { number })).join(' · ');
    const provider = shot && providerOf(state, shot.form_data)?.name;
    return refusalText(text, { code, details, provider, form: shot?.form_data });
  });
}
