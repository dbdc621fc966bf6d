import { useEffect, useState, type DragEvent, type ReactNode } from 'react';
import { useText } from '../i18n';
import { filesOf, type Dropped } from '../pictures/picture-files';
import { addPictures } from '../pictures/uploads';
import { say, showToast } from '../state/notices';
import { getState } from '../state/store';
import styles from './drop-area.module.css';
import { placeUnder } from './timeline-layout';

const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer.types.includes('Files');

/** Takes pictures that are dropped or pasted anywhere; over the timeline they land at the place of the drop. */
export function DropArea({ children }: { children: ReactNode }) {
  const text = useText();
  const [isOver, setIsOver] = useState(false);

  useEffect(() => {
    document.addEventListener('paste', paste);
    return () => document.removeEventListener('paste', paste);
  }, []);

  const over = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setIsOver(true);
  };
  const leave = (event: DragEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setIsOver(false);
  };
  const drop = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setIsOver(false);
    const place = placeUnder(event.clientX, event.clientY);
    void filesOf(event.dataTransfer).then((dropped) => take(dropped, place));
  };

  return (
    <div className={styles.page} onDragOver={over} onDragLeave={leave} onDrop={drop}>
      {children}
      {isOver && (
        <div className={styles.veil} aria-hidden="true">
          <p>{text('drop.here')}</p>
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
  addPictures([...data.files]);
}

function take({ files, emptyFolders }: Dropped, place?: number): void {
  if (files.length > 0) addPictures(files, place);
  emptyFolders.forEach((name) => showToast(say('drop.emptyFolder', { name })));
}
