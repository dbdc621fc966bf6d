import { useState } from 'react';
import styles from './film-settings.module.css';

const stepS = 0.1;

type Props = { id: string; label: string; maxS: number; valueS: number; onChange: (valueS: number) => void };

/** A time from 0 on; what is no such time stays in the field until it is left, and is not stored. */
export function SecondsField({ id, label, maxS, valueS, onChange }: Props) {
  const [typed, setTyped] = useState<string | null>(null);
  const change = (words: string) => {
    setTyped(words);
    const seconds = Number(words);
    if (words.trim() !== '' && seconds >= 0 && seconds <= maxS) onChange(seconds);
  };
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={0}
        max={maxS}
        step={stepS}
        value={typed ?? String(valueS)}
        onChange={({ target }) => change(target.value)}
        onBlur={() => setTyped(null)}
      />
    </div>
  );
}
