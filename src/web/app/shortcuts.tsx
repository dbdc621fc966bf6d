import { useText, type TextKey } from '../i18n';
import { useStore } from '../state/store';
import { CheckBox } from '../ui/check-box';
import { Modal } from '../ui/modal';
import { setLetterKeys } from './preferences';
import styles from './shortcuts.module.css';

const command = /Mac|iP(hone|ad)/.test(navigator.userAgent) ? '⌘' : 'Ctrl';

const keys: [string[], TextKey][] = [
  [[`${command} Z`, `${command} ⇧ Z`], 'keys.undo'],
  [['←', '→', 'Home', 'End'], 'keys.choose'],
  [['⇧ ←', '⇧ →'], 'keys.extend'],
  [[`${command} A`, 'Escape'], 'keys.chooseAll'],
  [[`${command} D`], 'keys.duplicate'],
  [['Alt ←', 'Alt →'], 'keys.move'],
  [['Space', '←', '→', 'Space'], 'keys.lift'],
  [['Delete'], 'keys.delete'],
  [[`${command} Enter`], 'keys.generate'],
  [['P'], 'keys.film'],
  [['Space', '←', '→'], 'keys.pause'],
  [['F'], 'keys.full'],
  [['A'], 'keys.add'],
  [[`${command} K`], 'keys.films'],
  [['?'], 'keys.help'],
];

/** Every key, and what it does. */
export function Shortcuts() {
  const text = useText();
  const hasLetterKeys = useStore((state) => state.hasLetterKeys);
  return (
    <Modal title={text('keys.title')}>
      <dl className={styles.keys}>
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
      <CheckBox label={text('keys.letters')} isChecked={hasLetterKeys} onChange={setLetterKeys} />
    </Modal>
  );
}
