import { useRef, useState, type RefObject } from 'react';
import type { Video } from '../../contract/video';
import type { Cut, Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { useFilmSettings } from '../state/films';
import { edit } from '../state/shots';
import { clockTenths } from '../ui/clock';
import { cutAt, cutFrames, placeWithin, seenAt, type CutEnd, type CutFrames } from './cut-frames';
import { CutHandle } from './cut-handle';
import styles from './cut-bar.module.css';
import { CutTimeField } from './cut-time-field';

type Props = { workspace: Workspace; clip: Video; video: RefObject<HTMLVideoElement | null> };

/** The part of the clip that the film shows: two handles on its length, and the same as seconds. */
export function CutBar({ workspace, clip, video }: Props) {
  const text = useText();
  const { fps } = useFilmSettings();
  const strip = useRef<HTMLDivElement>(null);
  const [moved, setMoved] = useState<Partial<CutFrames>>({});
  const { _id: id, cut } = workspace;
  const stored = cutFrames(workspace, clip, fps);
  const shown = { ...stored, ...moved };
  // While a handle is held, its field tells where it is; nobody else knows it yet.
  const heldCut = ([end, frame]: [string, number]) => cutAt(stored, end as CutEnd, frame, fps);
  const shownCut = Object.entries(moved)
    .map(heldCut)
    .reduce<Cut>((before, at) => ({ ...before, ...at }), cut);
  const part = (frame: number) => `${(frame / stored.length) * 100}%`;

  const move = (end: CutEnd, to: number, isDone: boolean) => {
    const frame = placeWithin(stored, end, to);
    showAt(video.current, seenAt(end, frame, fps));
    setMoved(isDone ? {} : { [end]: frame });
    if (!isDone || frame === stored[end]) return;
    const after = cutAt(stored, end, frame, fps);
    edit(id, Object.fromEntries(Object.entries(after).map(([key, value]) => [`cut.${key}`, value])));
  };
  const handle = (end: CutEnd) => (
    <CutHandle
      end={end}
      at={shown[end]}
      length={stored.length}
      fps={fps}
      strip={strip}
      onMove={(to, isDone) => move(end, to, isDone)}
      onGiveUp={() => setMoved({})}
    />
  );

  return (
    <div className={styles.bar} role="group" aria-label={text('cut.name')}>
      <CutTimeField shotId={id} name="in_s" value={shownCut.in_s} />
      <div className={styles.strip} ref={strip} data-testid="cut-strip">
        <span className={styles.part} style={{ left: part(shown.in), right: part(stored.length - shown.out) }} />
        {handle('in')}
        {handle('out')}
        <span className={styles.times} aria-hidden="true">
          {text('cut.part', { from: clockTenths(shown.in / fps), to: clockTenths(shown.out / fps) })}
        </span>
      </div>
      <CutTimeField shotId={id} name="out_s" value={shownCut.out_s} placeholder={text('cut.toEnd')} />
    </div>
  );
}

/** Shows a moment of a clip: the last one that was asked for while the browser was still looking for another. */
function showAt(video: HTMLVideoElement | null, atS: number): void {
  if (!video) return;
  video.pause();
  // At its last frame, a clip that is repeated would go on with its first one.
  video.loop = false;
  video.onplay = () => (video.loop = true);
  video.onseeked = null;
  if (!video.seeking) {
    video.currentTime = atS;
    return;
  }
  video.onseeked = () => {
    video.onseeked = null;
    video.currentTime = atS;
  };
}
