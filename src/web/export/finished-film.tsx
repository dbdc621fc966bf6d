import { useState } from 'react';
import type { FilmExport } from '../../contract/export';
import { errorKey, useText, type Translate } from '../i18n';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { clockTime } from '../ui/clock';
import { download, downloadUrl } from '../ui/download';
import { IconButton } from '../ui/icon-button';
import { Progress } from '../ui/progress';
import { useTime } from '../ui/use-time';
import styles from './export-sheet.module.css';
import { isOnItsWay, removeExport, stopExport } from '../state/exports';
import { RequestFault } from './request-fault';
import { useRequest } from './use-request';

const bytesPerMb = 1_000_000;

/** One finished film: when it was made and what it is, and to play, keep or delete it. */
export function FinishedFilm({ one }: { one: FilmExport }) {
  const text = useText();
  const time = useTime();
  const [isPlaying, setIsPlaying] = useState(false);
  const { run, isBusy, fault } = useRequest();
  const { _id: id, url, file_name: name } = one;

  return (
    <li>
      <div className={styles.film}>
        <div className={styles.about}>
          <strong>{time(one.created_at)}</strong>
          <span className="muted">{figuresOf(one, text)}</span>
        </div>
        {one.status === 'cancelled' && <span className={styles.badge}>{text('export.cancelled')}</span>}
        {one.status === 'completed' && one.is_stale && <span className={styles.badge}>{text('export.stale')}</span>}
        {url && (
          <Button onClick={() => setIsPlaying(!isPlaying)}>{text(isPlaying ? 'export.hide' : 'export.play')}</Button>
        )}
        {url && (
          <Button disabled={isBusy} onClick={() => void run(async () => download(downloadUrl(url, name)))}>
            {text('export.download')}
          </Button>
        )}
        {isOnItsWay(one) ? (
          <Button disabled={isBusy} onClick={() => void run(async () => stopExport(id))}>
            {text('common.cancel')}
          </Button>
        ) : (
          <IconButton
            icon="trash"
            label={text('export.delete')}
            disabled={isBusy}
            onClick={() => void run(async () => removeExport(id))}
          />
        )}
      </div>
      {isOnItsWay(one) && (
        <Progress label={text(one.status === 'queued' ? 'export.queued' : 'export.running')} part={one.progress} />
      )}
      {one.error && (
        <Alert>
          <p>{text(errorKey(one.error.code))}</p>
        </Alert>
      )}
      <RequestFault fault={fault} />
      {isPlaying && url && <video className={styles.player} src={url} controls autoPlay playsInline />}
    </li>
  );
}

function figuresOf({ duration_s: durationS, width, height, size, options }: FilmExport, text: Translate): string {
  const captions = options.captions === 'none' ? null : text(`export.captions.${options.captions}`);
  const megabytes = size === null ? null : text('export.megabytes', { count: (size / bytesPerMb).toFixed(1) });
  return [clockTime(durationS), `${width} × ${height}`, captions, megabytes].filter(Boolean).join(' · ');
}
