import type { FormData } from '../../contract/form';
import type { Workspace } from '../../contract/workspace';
import { useShallow } from 'zustand/react/shallow';
import { useText } from '../i18n';
import { LastFrame } from '../stage/last-frame';
import { neighboursOf } from '../state/neighbours';
import { lacksOf } from '../state/sources';
import { useStore } from '../state/store';
import styles from './continuity-fields.module.css';
import { EndPicture } from './end-picture';
import { SelectField } from './select-field';

type Props = {
  shot: Workspace;
  /** What is wrong with a field, in words. */
  wrongOf: (field: keyof FormData) => string | undefined;
};

const starts: FormData['start'][] = ['image', 'previous'];
const ends: FormData['end'][] = ['none', 'image', 'next'];

/** What the clip of a shot starts from and ends on, with the pictures that these are. */
export function ContinuityFields({ shot, wrongOf }: Props) {
  const { _id: id, form_data: form } = shot;
  const lack = useLackWords(shot);
  return (
    <div className={styles.row}>
      <div className={styles.side}>
        <SelectField
          shotId={id}
          name="start"
          value={form.start}
          offered={starts}
          wrong={wrongOf('start')}
          note={form.start === 'previous' ? lack('start') : undefined}
        />
        {form.start === 'previous' && <Previous shot={shot} />}
      </div>
      {/* A picture that is dropped or pasted here is the end picture. */}
      <div className={styles.side} data-end-picture={form.end === 'image' ? id : undefined}>
        <SelectField shotId={id} name="end" value={form.end} offered={ends} wrong={wrongOf('end')} note={lack('end')} />
        {form.end === 'image' && <EndPicture shot={shot} />}
        {form.end === 'next' && <Next shot={shot} />}
      </div>
    </div>
  );
}

/** Says of one of the two fields what it needs that is not there. */
function useLackWords(shot: Workspace): (field: 'start' | 'end') => string | undefined {
  const text = useText();
  const { start, end } = useStore(
    useShallow((state) => {
      const words = lacksOf(shot, state).map(({ field, what, number }) => [
        field,
        text(`source.lacks.${what}`, { number }),
      ]);
      return Object.fromEntries(words) as Partial<Record<'start' | 'end', string>>;
    }),
  );
  return (field) => (field === 'start' ? start : end);
}

function Previous({ shot }: { shot: Workspace }) {
  const text = useText();
  const number = useStore(({ ids }) => ids.indexOf(shot._id));
  if (number < 1) return null;
  return (
    <figure className={styles.source}>
      <LastFrame shot={shot} label={text('source.frame', { number })} />
      <figcaption>{text('source.continues', { number })}</figcaption>
    </figure>
  );
}

function Next({ shot }: { shot: Workspace }) {
  const text = useText();
  const next = useStore((state) => neighboursOf(shot._id, state).next);
  const number = useStore(({ ids }) => ids.indexOf(shot._id) + 2);
  if (!next) return null;
  return (
    <figure className={styles.source}>
      {next.image_url && <img src={next.image_url} alt="" />}
      <figcaption>{text('source.endsOn', { number })}</figcaption>
    </figure>
  );
}
