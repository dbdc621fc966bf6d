import { useText } from '../i18n';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Track } from '../ui/track';
import styles from './export-button.module.css';
import { isOnItsWay } from '../state/exports';

/** Opens the ways out of the house; under it, how far a film is that is on its way. */
export function ExportButton({ isDisabled }: { isDisabled: boolean }) {
  const text = useText();
  const running = useStore(({ exports }) => exports.find(isOnItsWay));
  return (
    <Button className={styles.button} disabled={isDisabled && !running} onClick={() => setState({ dialog: 'export' })}>
      <Icon name="export" /> <span>{text('export.name')}</span>
      {running && <Track part={running.progress ?? 0} />}
    </Button>
  );
}
