import styles from './check-box.module.css';

type Props = { label: string; isChecked: boolean; onChange: (isChecked: boolean) => void };

/** Something that is on or off. */
export function CheckBox({ label, isChecked, onChange }: Props) {
  return (
    <label className={styles.checkBox}>
      <input type="checkbox" checked={isChecked} onChange={({ target }) => onChange(target.checked)} />
      {label}
    </label>
  );
}
