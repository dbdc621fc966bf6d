import { useEffect, useRef } from 'react';

type Shown = { id: string; seconds: number };

/** Calls `onOver` when a picture has been seen for its seconds; a pause stops its clock. */
export function usePictureTimer(picture: Shown | null, isPaused: boolean, onOver: () => void): void {
  const seen = useRef({ id: '', ms: 0 });
  const over = useRef(onOver);
  useEffect(() => {
    over.current = onOver;
  });

  const id = picture?.id ?? null;
  const seconds = picture?.seconds ?? 0;
  useEffect(() => {
    if (seen.current.id !== id) seen.current = { id: id ?? '', ms: 0 };
    if (id === null || isPaused) return;
    const startedAt = performance.now();
    const timer = setTimeout(() => over.current(), seconds * 1000 - seen.current.ms);
    return () => {
      clearTimeout(timer);
      seen.current.ms += performance.now() - startedAt;
    };
  }, [id, seconds, isPaused]);
}
