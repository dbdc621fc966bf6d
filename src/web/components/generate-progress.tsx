import { useEffect, useState } from 'react';
import type { Video } from '../../contract/video';
import { useText } from '../i18n';
import { displayName } from '../state/providers';

/** Phase, progress where the provider tells it, and the time so far. */
export function GenerateProgress({ video }: { video: Video }) {
  const text = useText();
  const time = useTimeSince(video.started_at);
  const phase = text(`generate.${video.phase ?? 'submitting'}`, { provider: displayName(video.provider) });
  const percent = video.progress === null ? null : Math.round(video.progress * 100);
  return (
    <div className="generate-progress">
      <div className="generate-line">
        <strong>{phase}</strong>
        <span className="muted">
          {percent !== null && `${percent} % · `}
          {text('generate.elapsed', { time })}
        </span>
      </div>
      <div
        className={`progress ${percent === null ? 'is-unknown' : ''}`}
        role="progressbar"
        aria-label={phase}
        aria-valuenow={percent ?? undefined}
      >
        <span style={percent === null ? undefined : { width: `${percent}%` }} />
      </div>
    </div>
  );
}

function useTimeSince(started: string | null): string {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.round((now - Date.parse(started ?? new Date(now).toISOString())) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
