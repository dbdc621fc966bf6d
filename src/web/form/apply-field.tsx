import type { FormData } from '../../contract/form';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { atProvider } from '../state/inherited-form';
import { neighboursOf } from '../state/neighbours';
import { say, showToast } from '../state/notices';
import { providerOf } from '../state/providers';
import { chosenIds } from '../state/selection';
import { editForms } from '../state/shots';
import { getState, useStore } from '../state/store';
import { Icon } from '../ui/icon';
import styles from './apply-field.module.css';

/** Gives the value of this field to the other chosen shots, or to all where only one is chosen. */
export function ApplyField({ name }: { name: keyof FormData }) {
  const text = useText();
  const hasOthers = useStore(({ ids }) => ids.length > 1);
  const isOfSelection = useStore((state) => chosenIds(state).length > 1);
  if (!hasOthers) return null;
  const key = isOfSelection ? 'form.applyToSelection' : 'form.applyToAll';
  const label = text(key, { field: text(appliedName(name)).toLowerCase() });
  // Named by its content: an aria-label would make it a second thing that is labelled like the field.
  return (
    <button type="button" className={styles.apply} title={label} onClick={() => apply(name)}>
      <Icon name="applyAll" />
      <span className="hidden">{label}</span>
    </button>
  );
}

function apply(name: keyof FormData): void {
  const { selectedId, byId, ids } = getState();
  const shot = byId[selectedId ?? ''];
  if (!shot) return;
  const chosen = chosenIds();
  const targets = (chosen.length > 1 ? chosen : ids).filter((id) => hasNeighbour(id, name, shot.form_data));
  sync.flush();
  editForms(targets, (form) => valueFor(form, name, shot.form_data));
  showToast(say('form.applied', { field: say(appliedName(name)), count: targets.length }));
}

/** Whether a shot can take over a value: there is none before the first of a film, and none after the last. */
function hasNeighbour(id: string, name: keyof FormData, { [name]: value }: FormData): boolean {
  const { previous, next } = neighboursOf(id, getState());
  if (name === 'start' && value === 'previous') return previous !== null;
  return name !== 'end' || value !== 'next' || next !== null;
}

/** What a field is called within a sentence. */
const appliedName = (name: keyof FormData) =>
  name === 'start' || name === 'end' ? (`form.applied.${name}` as const) : (`form.${name}` as const);

/** What a form takes over; a model comes with its provider. */
function valueFor(form: FormData, name: keyof FormData, from: FormData): Partial<FormData> {
  if (name !== 'provider' && name !== 'model') return { [name]: from[name] };
  const isElsewhere = form.provider !== from.provider;
  const there = isElsewhere ? atProvider(form, from.provider, providerOf(getState(), from)) : {};
  return name === 'model' ? { ...there, model: from.model } : there;
}
