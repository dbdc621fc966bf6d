import { useRef } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { BatchProgress } from '../batches/batch-progress';
import { ExportButton } from '../export/export-button';
import { FilmTitle } from '../films/film-title';
import { useText } from '../i18n';
import { addPictures } from '../pictures/uploads';
import { filmsPath } from '../state/address';
import { goTo } from '../state/go-to';
import { redo, undo } from '../state/history';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/icon-button';
import { Mark } from '../ui/mark';
import { PictureInput } from '../ui/picture-input';
import { PageButtons } from './page-buttons';
import { SaveState } from './save-state';
import styles from './top-bar.module.css';

/** The film, the save state, and what concerns the whole film. */
export function TopBar() {
  const text = useText();
  const { canUndo, canRedo, isEmpty, hasFilm } = useStore(
    useShallow((state) => ({
      canUndo: state.canUndo,
      canRedo: state.canRedo,
      isEmpty: state.ids.length === 0,
      hasFilm: state.filmId !== null,
    })),
  );
  const input = useRef<HTMLInputElement>(null);

  return (
    <header className={styles.bar}>
      <div className={styles.film}>
        <Mark />
        <Button onClick={() => goTo(filmsPath)}>
          <Icon name="films" /> <span>{text('films.name')}</span>
        </Button>
        <FilmTitle />
        <IconButton
          icon="sliders"
          label={text('settings.name')}
          disabled={!hasFilm}
          onClick={() => setState({ dialog: 'film-settings' })}
        />
      </div>
      <SaveState />
      <BatchProgress />
      <div className={styles.group}>
        <IconButton icon="undo" label={text('top.undo')} disabled={!canUndo} onClick={undo} />
        <IconButton icon="redo" label={text('top.redo')} disabled={!canRedo} onClick={redo} />
      </div>
      <div className={classes(styles.group, styles.actions)}>
        <Button disabled={isEmpty} onClick={() => setState({ dialog: 'film' })}>
          <Icon name="play" /> <span>{text('top.playFilm')}</span>
        </Button>
        <Button disabled={isEmpty} onClick={() => setState({ dialog: 'generate-all' })}>
          <Icon name="sparkle" /> <span>{text('top.generateAll')}</span>
        </Button>
        <ExportButton isDisabled={isEmpty} />
        <Button onClick={() => input.current?.click()}>
          <Icon name="plus" /> <span>{text('top.add')}</span>
        </Button>
        <PictureInput ref={input} id="add-pictures" multiple onPick={(files) => addPictures(files)} />
      </div>
      <div className={classes(styles.group, styles.settings)}>
        <PageButtons />
      </div>
    </header>
  );
}
