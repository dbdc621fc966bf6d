import { useMemo } from 'react';
import { useStore } from '../state/store';

/** Makes day and time of an ISO time, in the language of the page. */
export function useTime(): (iso: string) => string {
  const language = useStore((state) => state.language);
  return useMemo(() => {
    const locale = language === 'zh' ? 'zh-CN' : 'en';
    const format = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
    return (iso: string) => format.format(new Date(iso));
  }, [language]);
}
