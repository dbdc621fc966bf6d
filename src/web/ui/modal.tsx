import { useLayoutEffect, useRef, type KeyboardEventHandler, type ReactNode } from 'react';
import { useText } from '../i18n';
import { setState } from '../state/store';
import { classes } from './classes';
import { IconButton } from './icon-button';
import styles from './modal.module.css';

type Props = {
  title: string;
  className?: string;
  /** What can be decided, at its end. */
  buttons?: ReactNode;
  onKeyDown?: KeyboardEventHandler;
  children: ReactNode;
};

export const closeDialog = (): void => setState({ dialog: null });

/** A window above the page; Escape and a click beside it close it. */
export function Modal({ title, className, buttons, onKeyDown, children }: Props) {
  const text = useText();
  const dialog = useRef<HTMLDialogElement>(null);
  // While it is still in the page when it closes: only then the browser gives the focus back to where it was.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    // Without it the keys would meet the first button, which closes the window.
    element?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      className={classes(styles.modal, className)}
      aria-label={title}
      onCancel={closeDialog}
      onKeyDown={onKeyDown}
      onClick={({ target }) => target === dialog.current && closeDialog()}
    >
      <div className={styles.body}>
        <header className={styles.head}>
          <h2>{title}</h2>
          <IconButton icon="close" label={text('common.close')} onClick={closeDialog} />
        </header>
        {children}
        {buttons && <div className={styles.buttons}>{buttons}</div>}
      </div>
    </dialog>
  );
}
