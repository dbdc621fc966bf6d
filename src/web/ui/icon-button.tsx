import type { ButtonHTMLAttributes, Ref } from 'react';
import { classes } from './classes';
import { Icon, type IconName } from './icon';
import styles from './icon-button.module.css';

type Props = { icon?: IconName; label: string; ref?: Ref<HTMLButtonElement> } & ButtonHTMLAttributes<HTMLButtonElement>;

/** A square button with a drawing or a sign; its label is read out and shown as a tooltip. */
export function IconButton({ icon, label, className, children, ...rest }: Props) {
  return (
    <button type="button" className={classes(styles.iconButton, className)} aria-label={label} title={label} {...rest}>
      {icon ? <Icon name={icon} /> : children}
    </button>
  );
}
