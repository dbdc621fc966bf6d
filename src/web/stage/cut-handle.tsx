import { useRef, type KeyboardEvent, type PointerEvent, type RefObject } from 'react';
import { useText } from '../i18n';
import { classes } from '../ui/classes';
import styles from './cut-bar.module.css';
import type { CutEnd } from './cut-frames';

type Props = {
  end: CutEnd;
  /** In frames, as all places here. */
  at: number;
  length: number;
  fps: number;
  strip: RefObject<HTMLDivElement | null>;
  /** Told of each place while the handle is held, and of the one where it is let go. */
  onMove: (frame: number, isDone: boolean) => void;
  onGiveUp: () => void;
};

const manyFrames = 10;

/** One end of the part that the film shows: a slider for mouse, finger and keyboard. */
export function CutHandle({ end, at, length, fps, strip, onMove, onGiveUp }: Props) {
  const text = useText();
  /** How far from its middle the handle was taken. */
  const grip = useRef<number | null>(null);
  const seconds = Math.round((at / fps) * 1000) / 1000;

  const frameAt = (clientX: number) => {
    const { left, width } = strip.current!.getBoundingClientRect();
    return ((clientX - (grip.current ?? 0) - left) / width) * length;
  };
  const take = (event: PointerEvent<HTMLElement>) => {
    if (event.button !== 0) return;
    const { left, width } = strip.current!.getBoundingClientRect();
    grip.current = event.clientX - (left + (at / length) * width);
    event.currentTarget.setPointerCapture(event.pointerId);
    onMove(at, false);
  };
  const pull = ({ clientX }: PointerEvent) => {
    if (grip.current !== null) onMove(frameAt(clientX), false);
  };
  const letGo = ({ clientX }: PointerEvent) => {
    if (grip.current === null) return;
    const frame = frameAt(clientX);
    grip.current = null;
    onMove(frame, true);
  };
  const giveUp = () => {
    if (grip.current !== null) onGiveUp();
    grip.current = null;
  };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? manyFrames : 1;
    const to: Record<string, number> = {
      ArrowLeft: at - step,
      ArrowDown: at - step,
      ArrowRight: at + step,
      ArrowUp: at + step,
      Home: 0,
      End: length,
    };
    if (to[event.key] === undefined) return;
    event.preventDefault();
    onMove(to[event.key]!, true);
  };

  return (
    <span
      className={classes(styles.handle, end === 'in' ? styles.in : styles.out)}
      style={{ left: `${(at / length) * 100}%` }}
      role="slider"
      tabIndex={0}
      aria-label={text(`cut.${end}`)}
      aria-valuemin={0}
      aria-valuemax={Math.round((length / fps) * 1000) / 1000}
      aria-valuenow={seconds}
      aria-valuetext={text('common.seconds', { count: seconds })}
      onPointerDown={take}
      onPointerMove={pull}
      onPointerUp={letGo}
      onPointerCancel={giveUp}
      onKeyDown={press}
    />
  );
}
