import { useEffect, useState, type DragEvent, type ReactNode } from 'react';
import { useText } from '../i18n';
import { filesOf, type Dropped } from '../pictures/picture-files';
import { addPictures, replacePicture } from '../pictures/uploads';
import { say, showToast } from '../state/notices';
import { getState } from '../state/store';
import styles from './drop-area.module.css';
import { placeUnder } from './timeline-layout';

const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer.types.includes('Files');

/** Takes pictures that are dropped or pasted anywhere; over the timeline they land at the place of the drop. */
export function DropArea({ children }: { children: ReactNode }) {
  const text = useText();
  const [over, setOver] = useState<'page' | 'endPicture' | null>(null);

  useEffect(() => {
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, []);

  const dragOver = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setOver(endPictureAt(event.target) ? 'endPicture' : 'page');
  };
  const leave = (event: DragEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(null);
  };
  const drop = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setOver(null);
    const place = placeUnder(event.clientX, event.clientY);
    const shotId = endPictureAt(event.target);
    void filesOf(event.dataTransfer).then((dropped) => take(dropped, place, shotId));
  };

  return (
    <div className={styles.page} onDragOver={dragOver} onDragLeave={leave} onDrop={drop}>
      {children}
      {over && (
        <div className={styles.veil} aria-hidden="true">
          <p>{text(over === 'page' ? 'drop.here' : 'drop.endPicture')}</p>
        </div>
      )}
    </div>
  );
}

function paste(event: ClipboardEvent): void {
  const { target, clipboardData: data } = event;
  if (!data || data.files.length === 0 || getState().dialog) return;
  // Cells, slides and rich documents bring a picture of their words along.
  const isTyping = target instanceof HTMLElement && target.matches('input, textarea');
  if (isTyping && data.getData('text/plain').trim() !== '') return;
  event.preventDefault();
  addFiles([...data.files], endPictureAt(target));
}

/** The shot whose end picture is under the pointer, or has the keyboard. */
function endPictureAt(target: EventTarget | null): string | undefined {
  const slot = target instanceof Element ? target.closest<HTMLElement>('[data-end-picture]') : null;
  return slot?.dataset.endPicture;
}

function addFiles(files: File[], shotId?: string, place?: number): void {
  const [first] = files;
  if (first && shotId) replacePicture(shotId, first, 'end_image_path');
  else if (first) addPictures(files, place);
}

function take({ files, emptyFolders }: Dropped, place?: number, shotId?: string): void {
  addFiles(files, shotId, place);
  emptyFolders.forEach((name) => showToast(say('drop.emptyFolder', { name })));
}
