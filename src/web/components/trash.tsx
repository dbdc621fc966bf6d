import { useEffect, useState } from 'react';
import { ApiError, getTrash, type TrashedShot } from '../api';
import { errorKey, useText } from '../i18n';
import { useStore } from '../state/store';
import { restoreFromTrash } from '../state/trash';
import { Modal } from './modal';
import { useWord } from './use-word';

type Trash = TrashedShot[] | { error: ApiError['code'] } | null;

/** The deleted shots that can be restored, the latest first. */
export function Trash() {
  const text = useText();
  const [trash, setTrash] = useState<Trash>(null);
  const load = () => {
    setTrash(null);
    getTrash()
      .then(setTrash)
      .catch((error: unknown) => setTrash({ error: error instanceof ApiError ? error.code : 'NETWORK' }));
  };
  useEffect(load, []);

  return (
    <Modal title={text('trash.name')} className="trash">
      <p className="muted">{text('trash.kept')}</p>
      {trash === null && <p role="status">{text('trash.loading')}</p>}
      {trash !== null && 'error' in trash && (
        <div className="failure" role="alert">
          <p>{text(errorKey(trash.error))}</p>
          <button type="button" className="button small" onClick={load}>
            {text('common.retry')}
          </button>
        </div>
      )}
      {Array.isArray(trash) && trash.length === 0 && <p>{text('trash.empty')}</p>}
      {Array.isArray(trash) && trash.length > 0 && (
        <ul className="trash-list" aria-label={text('trash.name')}>
          {trash.map((shot) => (
            <TrashRow
              key={shot._id}
              shot={shot}
              onRestore={() => {
                restoreFromTrash(shot._id);
                setTrash(trash.filter((other) => other !== shot));
              }}
            />
          ))}
        </ul>
      )}
    </Modal>
  );
}

function TrashRow({ shot, onRestore }: { shot: TrashedShot; onRestore: () => void }) {
  const text = useText();
  const language = useStore((state) => state.language);
  const { form_data: form, video, image_url: picture } = shot;
  const movement = useWord('camera_movements', form.camera_movement);
  const still = video.poster_url ?? picture;
  const at = new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en', { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <li>
      {still ? <img src={still} alt="" loading="lazy" /> : <span className="card-blank" />}
      <div>
        <p className="trash-words">{form.prompt || movement || text('trash.noWords')}</p>
        <p className="muted">{text('trash.deletedAt', { time: at.format(new Date(shot.deleted_at)) })}</p>
      </div>
      <button type="button" className="button small" onClick={onRestore}>
        {text('trash.restore')}
      </button>
    </li>
  );
}
