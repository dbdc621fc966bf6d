import styles from './film-settings.module.css';

type Props<Value> = {
  id: string;
  label: string;
  choices: readonly { value: Value; name: string }[];
  value: Value;
  onChoose: (value: Value) => void;
};

/** A choice among a few values. */
export function ChoiceField<Value extends string | number>({ id, label, choices, value, onChoose }: Props<Value>) {
  const choose = (chosen: string) => {
    const choice = choices.find((one) => String(one.value) === chosen);
    if (choice) onChoose(choice.value);
  };
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      <select id={id} value={String(value)} onChange={({ target }) => choose(target.value)}>
        {choices.map((choice) => (
          <option key={choice.value} value={String(choice.value)}>
            {choice.name}
          </option>
        ))}
      </select>
    </div>
  );
}
