import { errorKey, useText } from '../i18n';
import type { Upload } from '../state/store';
import { removeUpload, retryUpload } from '../state/uploads';
import type { Place } from './card';

/** A picture on its way: how far it is, or why it failed and what to do. */
export function UploadCard({ upload, left, index, count, isMoving }: Place & { upload: Upload }) {
  const text = useText();
  const { phase, part, previewUrl, error, file } = upload;
  const isFailed = phase === 'failed';
  return (
    <li
      className={`card upload-card ${isMoving ? 'is-aside' : ''}`}
      aria-setsize={count}
      aria-posinset={index + 1}
      style={{ transform: `translateX(${left}px)` }}
    >
      <span className="card-picture">
        {!isFailed && <img src={previewUrl} alt="" />}
        {!isFailed && (
          <span
            className="card-progress"
            role="progressbar"
            aria-label={file.name}
            aria-valuenow={Math.round(part * 100)}
            style={{ scale: `${Math.max(part, 0.05)} 1` }}
          />
        )}
        {isFailed && (
          <span className="upload-buttons">
            <button type="button" className="button small" onClick={() => retryUpload(upload)}>
              {text('common.retry')}
            </button>
            <button type="button" className="button small" onClick={() => removeUpload(upload)}>
              {text('upload.remove')}
            </button>
          </span>
        )}
      </span>
      <span className={`card-state ${isFailed ? 'is-failed' : 'is-generating'}`} title={error && text(errorKey(error))}>
        {isFailed ? text('upload.failed', { name: file.name }) : text(`upload.${phase}`)}
      </span>
      {isFailed && error && <span className="upload-reason">{text(errorKey(error))}</span>}
    </li>
  );
}
