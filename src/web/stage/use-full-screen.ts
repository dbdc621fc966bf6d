import { useEffect, useState, type RefObject } from 'react';

/** Whether an element fills the screen, and how to change that; `toggle` is null where the browser cannot. */
export function useFullScreen(element: RefObject<HTMLElement | null>) {
  const [isFull, setIsFull] = useState(false);
  useEffect(() => {
    const show = () => setIsFull(document.fullscreenElement !== null);
    document.addEventListener('fullscreenchange', show);
    return () => document.removeEventListener('fullscreenchange', show);
  }, []);
  const toggle = () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : element.current?.requestFullscreen();
    // A browser that refuses leaves the film as it is, which is large already.
    change?.catch(() => undefined);
  };
  return { isFull, toggle: document.fullscreenEnabled ? toggle : null };
}
