import { useEffect, useState, type DragEvent, type ReactNode } from 'react';
import { useText } from '../i18n';
import { addPictures, picturesIn } from '../state/uploads';
import { placeUnder } from './timeline-layout';

const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer.types.includes('Files');

/** Takes pictures that are dropped or pasted anywhere; over the timeline they land at the place of the drop. */
export function DropArea({ children }: { children: ReactNode }) {
  const text = useText();
  const [isOver, setIsOver] = useState(false);

  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const pictures = picturesIn(event.clipboardData);
      if (pictures.length === 0) return;
      event.preventDefault();
      addPictures(pictures);
    };
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
    const pictures = picturesIn(event.dataTransfer);
    if (pictures.length > 0) addPictures(pictures, placeUnder(event.clientX, event.clientY));
  };

  return (
    <div className="app" onDragOver={over} onDragLeave={leave} onDrop={drop}>
      {children}
      {isOver && (
        <div className="drop-veil" aria-hidden="true">
          <p>{text('drop.here')}</p>
        </div>
      )}
    </div>
  );
}
