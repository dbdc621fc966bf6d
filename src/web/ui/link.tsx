import type { AnchorHTMLAttributes } from 'react';
import styles from './link.module.css';

/** A link to another page of the application, large enough for a finger. */
export const Link = (props: AnchorHTMLAttributes<HTMLAnchorElement>) => <a className={styles.link} {...props} />;
