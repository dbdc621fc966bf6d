import { useText, type TextKey } from '../i18n';
import { setLetterKeys } from '../state/preferences';
import { useStore } from '../state/store';
import { Modal } from './modal';

const command = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘' : 'Ctrl';

const keys: [string[], TextKey][] = [
  [[`${command} Z`, `${command} ⇧ Z`], 'keys.undo'],
  [['←', '→', 'Home', 'End'], 'keys.choose'],
  [['Alt ←', 'Alt →'], 'keys.move'],
  [['Space', '←', '→', 'Space'], 'keys.lift'],
  [['Delete'], 'keys.delete'],
  [[`${command} Enter`], 'keys.generate'],
  [['P'], 'keys.film'],
  [['Space', '←', '→'], 'keys.pause'],
  [['A'], 'keys.add'],
  [['?'], 'keys.help'],
];

/** Every key, and what it does. */
export function Shortcuts() {
  const text = useText();
  const hasLetterKeys = useStore((state) => state.hasLetterKeys);
  return (
    <Modal title={text('keys.title')}>
      <dl className="keys">
        {keys.map(([names, key]) => (
          <div key={key}>
            <dt>
              {names.map((name, index) => (
                <kbd key={index}>{name}</kbd>
              ))}
            </dt>
            <dd>{text(key)}</dd>
          </div>
        ))}
      </dl>
      <label className="keys-switch">
        <input type="checkbox" checked={hasLetterKeys} onChange={({ target }) => setLetterKeys(target.checked)} />
        {text('keys.letters')}
      </label>
    </Modal>
  );
}
