import { useText } from '../i18n';
import { costsPath, isCostsPage, isTimeline } from '../state/address';
import { goTo } from '../state/go-to';
import { setState, useStore } from '../state/store';
import { IconButton } from '../ui/icon-button';
import { setLanguage, setNotifies, setTheme } from './preferences';

/** What every page has: the costs, the trash, and how this browser shows and tells things. */
export function PageButtons() {
  const text = useText();
  const language = useStore((state) => state.language);
  const theme = useStore((state) => state.theme);
  const notifies = useStore((state) => state.notifies);
  const filmId = useStore((state) => state.filmId);
  return (
    <>
      {!isCostsPage && (
        <IconButton
          icon="costs"
          label={text('costs.name')}
          onClick={() => goTo(costsPath(isTimeline ? filmId : null))}
        />
      )}
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
      <IconButton
        label={text('top.language')}
        lang={language === 'en' ? 'zh-CN' : 'en'}
        onClick={() => setLanguage(language === 'en' ? 'zh' : 'en')}
      >
        {language === 'en' ? '中' : 'EN'}
      </IconButton>
      <IconButton icon="keyboard" label={text('top.shortcuts')} onClick={() => setState({ dialog: 'shortcuts' })} />
    </>
  );
}
