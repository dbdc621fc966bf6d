import { useRef } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { useText } from '../i18n';
import { redo, undo } from '../state/history';
import { setLanguage, setNotifies, setTheme } from '../state/preferences';
import { setState, useStore } from '../state/store';
import { addPictures } from '../state/uploads';
import { Icon } from './icon';
import { IconButton } from './icon-button';
import { PictureInput } from './picture-input';
import { SaveState } from './save-state';

/** Name, save state, and what concerns the whole film. */
export function TopBar() {
  const text = useText();
  const { language, theme, notifies, canUndo, canRedo, isEmpty } = useStore(
    useShallow((state) => ({
      language: state.language,
      theme: state.theme,
      notifies: state.notifies,
      canUndo: state.canUndo,
      canRedo: state.canRedo,
      isEmpty: state.ids.length === 0,
    })),
  );
  const input = useRef<HTMLInputElement>(null);

  return (
    <header className="top-bar">
      <div className="brand">
        <span className="brand-mark" aria-hidden="true">
          <Icon name="play" />
        </span>
        <span className="brand-name">{text('app.title')}</span>
      </div>
      <SaveState />
      <div className="top-group">
        <IconButton icon="undo" label={text('top.undo')} disabled={!canUndo} onClick={undo} />
        <IconButton icon="redo" label={text('top.redo')} disabled={!canRedo} onClick={redo} />
      </div>
      <div className="top-group top-actions">
        <button type="button" className="button" disabled={isEmpty} onClick={() => setState({ dialog: 'film' })}>
          <Icon name="play" /> <span>{text('top.playFilm')}</span>
        </button>
        <button
          type="button"
          className="button"
          disabled={isEmpty}
          onClick={() => setState({ dialog: 'generate-all' })}
        >
          <Icon name="sparkle" /> <span>{text('top.generateAll')}</span>
        </button>
        <button type="button" className="button" onClick={() => input.current?.click()}>
          <Icon name="plus" /> <span>{text('top.add')}</span>
        </button>
        <PictureInput ref={input} id="add-pictures" multiple onPick={(files) => addPictures(files)} />
      </div>
      <div className="top-group top-settings">
        <IconButton icon="trash" label={text('trash.name')} onClick={() => setState({ dialog: 'trash' })} />
        <IconButton
          icon={notifies ? 'bell' : 'bellOff'}
          label={text(notifies ? 'top.notifyOff' : 'top.notifyOn')}
          onClick={() => void setNotifies(!notifies)}
        />
        <IconButton
          icon={theme === 'dark' ? 'sun' : 'moon'}
          label={text(theme === 'dark' ? 'top.themeLight' : 'top.themeDark')}
          onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
        />
        <button
          type="button"
          className="icon-button"
          aria-label={text('top.language')}
          title={text('top.language')}
          lang={language === 'en' ? 'zh-CN' : 'en'}
          onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
        >
          {language === 'en' ? '中' : 'EN'}
        </button>
        <IconButton icon="keyboard" label={text('top.shortcuts')} onClick={() => setState({ dialog: 'shortcuts' })} />
      </div>
    </header>
  );
}
