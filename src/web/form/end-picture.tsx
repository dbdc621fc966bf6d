import { useRef } from 'react';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { replacePicture } from '../pictures/uploads';
import { edit } from '../state/shots';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { PictureInput } from '../ui/picture-input';
import styles from './continuity-fields.module.css';

/** The picture that a shot ends on, and how it comes there, is replaced and goes. */
export function EndPicture({ shot: { _id: id, end_image_url: url } }: { shot: Workspace }) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const upload = useStore(({ uploads }) =>
    uploads.find(({ replaces, field, phase }) => replaces === id && field === 'end_image_path' && phase !== 'failed'),
  );
  const shown = upload?.previewUrl ?? url;
  return (
    <div className={styles.source} role="group" aria-label={text('form.endPicture')}>
      {shown && <img src={shown} alt={text('form.endPicture')} />}
      {upload && (
        <progress value={upload.part} aria-label={text('upload.uploading')} title={text(`upload.${upload.phase}`)} />
      )}
      <span className={styles.buttons}>
        <Button size="small" onClick={() => input.current?.click()}>
          {text(url ? 'form.endPicture.replace' : 'form.endPicture.choose')}
        </Button>
        {url && (
          <Button size="small" onClick={() => edit(id, { end_image_path: null })}>
            {text('form.endPicture.remove')}
          </Button>
        )}
      </span>
      <PictureInput
        ref={input}
        id="end-picture"
        onPick={([file]) => file && replacePicture(id, file, 'end_image_path')}
      />
    </div>
  );
}
