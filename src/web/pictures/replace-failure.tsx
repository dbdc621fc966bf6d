import { errorKey, useText } from '../i18n';
import { useStore } from '../state/store';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { fieldOf, removeUpload, retryUpload } from './uploads';

/** Why the chosen shot did not get the picture that was to replace its own. */
export function ReplaceFailure() {
  const text = useText();
  const upload = useStore(({ uploads, selectedId }) =>
    uploads.find(({ replaces, phase }) => replaces === selectedId && phase === 'failed'),
  );
  if (!upload?.error) return null;
  const isEnd = fieldOf(upload) === 'end_image_path';
  return (
    <Alert>
      <p>
        {text(isEnd ? 'upload.noEndPicture' : 'upload.notReplaced', { name: upload.file.name })}{' '}
        {text(errorKey(upload.error))}
      </p>
      <Button size="small" onClick={() => retryUpload(upload)}>
        {text('common.retry')}
      </Button>
      <Button size="small" onClick={() => removeUpload(upload)}>
        {text('common.dismiss')}
      </Button>
    </Alert>
  );
}
