import type { FormData } from '../../contract/form';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { record } from '../state/history';
import { say, showToast } from '../state/notices';
import { chooseProviders, providerNameOf } from '../state/providers';
import { chosenIds } from '../state/selection';
import { editForms } from '../state/shots';
import { getState, useStore } from '../state/store';
import { Icon } from '../ui/icon';
import styles from './apply-field.module.css';

type Name = keyof FormData | 'provider';

/** Gives the value of this field to the other chosen shots, or to all where only one is chosen. */
export function ApplyField({ name }: { name: Name }) {
  const text = useText();
  const hasOthers = useStore(({ ids }) => ids.length > 1);
  const isOfSelection = useStore((state) => chosenIds(state).length > 1);
  if (!hasOthers) return null;
  const key = isOfSelection ? 'form.applyToSelection' : 'form.applyToAll';
  const label = text(key, { field: text(`form.${name}`).toLowerCase() });
  // Named by its content: an aria-label would make it a second thing that is labelled like the field.
  return (
    <button type="button" className={styles.apply} title={label} onClick={() => apply(name)}>
      <Icon name="applyAll" />
      <span className="hidden">{label}</span>
    </button>
  );
}

function apply(name: Name): void {
  const { selectedId, byId, ids } = getState();
  const shot = byId[selectedId ?? ''];
  if (!shot) return;
  const chosen = chosenIds();
  const targets = chosen.length > 1 ? chosen : ids;
  sync.flush();
  if (name === 'provider') applyProvider(shot._id, targets);
  else editForms(targets, { [name]: shot.form_data[name] });
  showToast(say('form.applied', { field: say(`form.${name}`), count: targets.length }));
}

function applyProvider(from: string, targets: readonly string[]): void {
  const name = providerNameOf(from);
  if (!name) return;
  const others = targets.filter((id) => providerNameOf(id) !== name);
  if (others.length === 0) return;
  const before = Object.fromEntries(others.map((id) => [id, providerNameOf(id)!]));
  const after = Object.fromEntries(others.map((id) => [id, name]));
  record({ kind: 'providers', before, after });
  chooseProviders(after);
}
