import type { Workspace } from '../../contract/workspace';
import { startFrameOf } from '../state/sources';
import { neighboursOf } from '../state/neighbours';
import { useStore } from '../state/store';
import styles from './last-frame.module.css';

const usualFps = 24;

type Props = {
  shot: Workspace;
  /** What it shows, for those who do not see it; none where that is said elsewhere. */
  label?: string;
  className?: string;
};

/** The frame of the shot before that a linked shot starts from; nothing while there is none. */
export function LastFrame({ shot, label, className }: Props) {
  const previous = useStore((state) => neighboursOf(shot._id, state).previous);
  const frame = startFrameOf(shot, previous);
  if (!frame) return null;
  if ('image' in frame) return <img className={className} src={frame.image} alt={label ?? ''} draggable={false} />;
  const { clip, atS, fps } = frame;
  return (
    <span className={styles.frame} role={label ? 'img' : undefined} aria-label={label}>
      <video
        key={`${clip} ${atS}`}
        className={className}
        src={clip}
        aria-hidden={label === undefined || undefined}
        muted
        playsInline
        preload="metadata"
        onLoadedMetadata={({ currentTarget }) => {
          // The middle of the frame that ends there.
          currentTarget.currentTime = Math.max(0, (atS ?? currentTarget.duration) - 0.5 / (fps ?? usualFps));
        }}
      />
    </span>
  );
}
