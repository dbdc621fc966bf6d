import { errorKey, useText } from '../i18n';
import { useStore } from '../state/store';
import { removeUpload, retryUpload } from '../state/uploads';
import { Icon } from './icon';

/** Why the chosen shot did not get the picture that was to replace its own. */
export function ReplaceFailure() {
  const text = useText();
  const upload = useStore(({ uploads, selectedId }) =>
    uploads.find(({ replaces, phase }) => replaces === selectedId && phase === 'failed'),
  );
  if (!upload?.error) return null;
  return (
    <div className="failure" role="alert">
      <Icon name="warning" />
      <p>
        {text('upload.notReplaced', { name: upload.file.name })} {text(errorKey(upload.error))}
      </p>
      <button type="button" className="button small" onClick={() => retryUpload(upload)}>
        {text('common.retry')}
      </button>
      <button type="button" className="button small" onClick={() => removeUpload(upload)}>
        {text('common.dismiss')}
      </button>
    </div>
  );
}
