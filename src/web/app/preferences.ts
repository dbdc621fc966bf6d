import type { Language } from '../i18n/texts';
import { getState, setState, type Theme } from '../state/store';

const storageKey = 'preferences';

type Preferences = { language?: Language; theme?: Theme; notifies?: boolean; hasLetterKeys?: boolean };

/** Takes what was chosen before, else what the browser and the system say. */
export function loadPreferences(): void {
  const { language, theme, notifies, hasLetterKeys } = read();
  setState({
    language: language ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'),
    theme: theme ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark'),
    notifies: (notifies ?? false) && canNotify(),
    hasLetterKeys: hasLetterKeys ?? true,
  });
  show();
}

export function setLanguage(language: Language): void {
  keep({ language });
}

export function setTheme(theme: Theme): void {
  keep({ theme });
}

/** Switches the shortcuts of a single letter on or off, which a voice or a slip of the hand can set off. */
export function setLetterKeys(hasLetterKeys: boolean): void {
  keep({ hasLetterKeys });
}

/** Asks the browser for permission when notifications are switched on. */
export async function setNotifies(notifies: boolean): Promise<void> {
  if (notifies && 'Notification' in window) await Notification.requestPermission();
  keep({ notifies: notifies && canNotify() });
}

function keep(change: Preferences): void {
  setState(change);
  show();
  try {
    localStorage.setItem(storageKey, JSON.stringify({ ...read(), ...change }));
  } catch {
    // A browser that keeps nothing still shows it until the reload.
  }
}

function show(): void {
  const { language, theme } = getState();
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  document.documentElement.dataset.theme = theme;
}

function read(): Preferences {
  try {
    return JSON.parse(localStorage.getItem(storageKey) ?? '{}') as Preferences;
  } catch {
    return {};
  }
}

const canNotify = (): boolean => 'Notification' in window && Notification.permission === 'granted';
