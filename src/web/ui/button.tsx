import type { ButtonHTMLAttributes } from 'react';
import styles from './button.module.css';
import { classes } from './classes';

const kinds = { primary: styles.primary, danger: styles.danger };
const sizes = { small: styles.small, large: styles.large };

type Props = { kind?: keyof typeof kinds; size?: keyof typeof sizes } & ButtonHTMLAttributes<HTMLButtonElement>;

/** A button with words. */
export function Button({ kind, size, className, ...rest }: Props) {
  return (
    <button
      type="button"
      className={classes(styles.button, kind && kinds[kind], size && sizes[size], className)}
      {...rest}
    />
  );
}
