import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './icon';

type Props = { icon: IconName; label: string } & ButtonHTMLAttributes<HTMLButtonElement>;

/** A square button with a drawing; its label is read out and shown as a tooltip. */
export function IconButton({ icon, label, className = '', ...rest }: Props) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
