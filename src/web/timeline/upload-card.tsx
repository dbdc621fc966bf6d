import { errorKey, useText } from '../i18n';
import { removeUpload, retryUpload } from '../pictures/uploads';
import type { Upload } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import type { Place } from './card';
import cardStyles from './card.module.css';
import styles from './upload-card.module.css';

/** A picture on its way: how far it is, or why it failed and what to do. */
export function UploadCard({ upload, left, index, count, isMoving }: Place & { upload: Upload }) {
  const text = useText();
  const { phase, part, previewUrl, error, file } = upload;
  const isFailed = phase === 'failed';
  return (
    <li
      className={classes(cardStyles.card, cardStyles.surface, isMoving && cardStyles.aside)}
      aria-setsize={count}
      aria-posinset={index + 1}
      style={{ transform: `translateX(${left}px)` }}
    >
      <span className={cardStyles.picture}>
        {!isFailed && <img src={previewUrl} alt="" />}
        {!isFailed && (
          <span
            className={cardStyles.progress}
            role="progressbar"
            aria-label={file.name}
            aria-valuenow={Math.round(part * 100)}
            style={{ scale: `${Math.max(part, 0.05)} 1` }}
          />
        )}
        {isFailed && (
          <span className={styles.buttons}>
            <Button size="small" onClick={() => retryUpload(upload)}>
              {text('common.retry')}
            </Button>
            <Button size="small" onClick={() => removeUpload(upload)}>
              {text('upload.remove')}
            </Button>
          </span>
        )}
      </span>
      <span
        className={classes(cardStyles.state, styles.state)}
        data-state={isFailed ? 'failed' : 'generating'}
        title={error && text(errorKey(error))}
      >
        {isFailed ? text('upload.failed', { name: file.name }) : text(`upload.${phase}`)}
      </span>
      {isFailed && error && <span className={styles.reason}>{text(errorKey(error))}</span>}
    </li>
  );
}
