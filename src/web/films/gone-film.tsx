import { useState } from 'react';
import { useText } from '../i18n';
import { sync } from '../state/connection';
import { takeGoneFilm } from '../state/films';
import { useStore } from '../state/store';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';

const gone = takeGoneFilm();

/** Says why this page was opened: the film that was looked at, or asked for, is gone. */
export function GoneFilm() {
  const text = useText();
  const [isShown, setIsShown] = useState(gone !== null);
  const isBack = useStore(({ films }) => films.some(({ _id: id }) => id === gone?.id));
  if (!gone || !isShown || isBack) return null;
  const { id, title } = gone;
  const sentence =
    title === null ? text('films.unknown') : text('films.gone', { title: title.trim() || text('films.untitled') });
  return (
    <Alert>
      <p>{sentence}</p>
      {title !== null && (
        <Button size="small" onClick={() => sync.films.restore(id)}>
          {text('undo.bringBack')}
        </Button>
      )}
      <Button size="small" onClick={() => setIsShown(false)}>
        {text('common.dismiss')}
      </Button>
    </Alert>
  );
}
