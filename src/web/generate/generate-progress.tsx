import { useEffect, useState } from 'react';
import type { Video } from '../../contract/video';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { clockTime } from '../ui/clock';
import { useMoney } from '../ui/money';
import { Progress } from '../ui/progress';

/** Phase, progress where the provider tells it, the time so far and the price. */
export function GenerateProgress({ video }: { video: Video }) {
  const text = useText();
  const { cost } = useMoney();
  const time = useTimeSince(video.started_at);
  const phase = text(`generate.${video.phase ?? 'submitting'}`, { provider: displayName(video.provider) });
  const note = [text('generate.elapsed', { time }), video.cost && cost(video.cost)].filter(Boolean).join(' · ');
  return <Progress label={phase} part={video.progress} note={note} />;
}

function useTimeSince(started: string | null): string {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return clockTime((now - Date.parse(started ?? new Date(now).toISOString())) / 1000);
}
