import { useEffect, useState } from 'react';
import type { Video } from '../../contract/video';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { clockTime } from '../ui/clock';
import { Progress } from '../ui/progress';

/** Phase, progress where the provider tells it, and the time so far. */
export function GenerateProgress({ video }: { video: Video }) {
  const text = useText();
  const time = useTimeSince(video.started_at);
  const phase = text(`generate.${video.phase ?? 'submitting'}`, { provider: displayName(video.provider) });
  return <Progress label={phase} part={video.progress} note={text('generate.elapsed', { time })} />;
}

function useTimeSince(started: string | null): string {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return clockTime((now - Date.parse(started ?? new Date(now).toISOString())) / 1000);
}
