import styles from './icon.module.css';

const paths = {
  films: 'M3.500 4.500h5.500v4.500H3.500zM11 4.500h5.500v4.500H11zM3.500 11h5.500v4.500H3.500zM11 11h5.500v4.500H11z',
  sliders: 'M4 6h6M14 6h2M4 14h2M10 14h6M10 6a2 2 0 1 0 4 0 2 2 0 0 0-4 0ZM6 14a2 2 0 1 0 4 0 2 2 0 0 0-4 0Z',
  pencil: 'M4 16l.8-3.500L13 4.300l2.700 2.700-8.200 8.200zM11.500 5.800l2.700 2.700',
  copy: 'M7.500 7.500h8.500v8.500H7.500zM12.500 7.500V4H4v8.500h3.500',
  music: 'M8 15V5l8-1.500v10M8 15a2 1.700 0 1 1-4 0 2 1.700 0 0 1 4 0ZM16 13.500a2 1.700 0 1 1-4 0 2 1.700 0 0 1 4 0Z',
  plus: 'M10 4v12M4 10h12',
  undo: 'M7 5 3.500 8.500 7 12M4 8.500h7.500a4 4 0 0 1 0 8H8',
  redo: 'm13 5 3.500 3.500L13 12M16 8.500H8.500a4 4 0 0 0 0 8H12',
  play: 'M6.500 4.200v11.600l9.500-5.800z',
  pause: 'M6.500 4.500v11M13.500 4.500v11',
  previous: 'M5 4.500v11M15.500 4.700v10.600L7.500 10z',
  next: 'M15 4.500v11M4.500 4.700v10.600l8-5.300z',
  sparkle:
    'M10 3l1.700 4.800L16.500 9.500l-4.800 1.700L10 16l-1.700-4.800L3.500 9.500l4.800-1.700zM16 14v3M14.500 15.500h3',
  trash: 'M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6M8.500 9v4.500M11.500 9v4.500',
  close: 'M5 5l10 10M15 5 5 15',
  sun: 'M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7ZM10 2v2M10 16v2M2 10h2M16 10h2M4.300 4.300l1.400 1.400M14.300 14.300l1.400 1.400M4.300 15.700l1.400-1.400M14.300 5.700l1.400-1.400',
  moon: 'M16 11.500A6.500 6.500 0 1 1 8.500 4a5.200 5.200 0 0 0 7.500 7.500Z',
  bell: 'M5.500 13.500V9a4.500 4.500 0 0 1 9 0v4.500l1.500 1.500H4zM8.500 17h3',
  bellOff:
    'M5.500 13.500V9c0-.8.2-1.600.6-2.200M8.500 4.800A4.500 4.500 0 0 1 14.500 9v3M4 15h10.500M8.500 17h3M3.500 3.500l13 13',
  keyboard: 'M3 6h14v8.500H3zM6 9h.01M9 9h.01M12 9h.01M14.500 9h.01M6.500 12h7',
  image: 'M3.500 4.500h13v11h-13zM3.500 13l4-4 4 4 2-2 3 3M13 8h.01',
  compare: 'M3.500 4.500h5.500v11H3.500zM11 4.500h5.500v11H11z',
  chevron: 'm6 8 4 4 4-4',
  check: 'm4.500 10.500 3.500 3.500 7.500-8',
  warning: 'M10 4 3 16h14zM10 8.500v3.500M10 14h.01',
  restore: 'M4 10a6 6 0 1 0 2-4.500M4 4v3.500h3.500',
  applyAll: 'M4 4.500h8v5M4 4.500v8h5M8 8.500h8v7.500H8z',
  send: 'M10 16V5M5 9.500 10 4.500l5 5',
  stop: 'M6 6h8v8H6z',
  download: 'M10 4v8.500M6.500 9.500 10 13l3.500-3.500M4.500 16h11',
  export: 'M10 12.500V4M6.500 7 10 3.500 13.500 7M4.500 11v5h11v-5',
  full: 'M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4',
} as const;

export type IconName = keyof typeof paths;

/** A small drawing beside or instead of a text; hidden from screen readers, which have the text. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={styles.icon} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
