import { useRef, useState } from 'react';
import { useText } from '../i18n';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Modal } from '../ui/modal';
import styles from './compare-takes.module.css';

const driftS = 0.08;

/** Two takes beside each other, played in step. */
export function CompareTakes({ urls }: { urls: [string, string] }) {
  const text = useText();
  const left = useRef<HTMLVideoElement>(null);
  const right = useRef<HTMLVideoElement>(null);
  const [isPlaying, setIsPlaying] = useState(true);

  const toggle = () => {
    for (const { current: video } of [left, right]) void (isPlaying ? video?.pause() : video?.play());
    setIsPlaying(!isPlaying);
  };
  const keepStep = () => {
    if (!left.current || !right.current) return;
    const isApart = Math.abs(left.current.currentTime - right.current.currentTime) > driftS;
    // A take that is shorter waits at its end for the other one to begin again.
    if (isApart && left.current.currentTime < right.current.duration)
      right.current.currentTime = left.current.currentTime;
    if (isPlaying && right.current.paused && left.current.currentTime < right.current.duration)
      void right.current.play();
  };

  return (
    <Modal
      title={text('takes.compareTitle')}
      className={styles.compare}
      buttons={
        <Button kind="primary" data-first onClick={toggle}>
          <Icon name={isPlaying ? 'pause' : 'play'} /> {text(isPlaying ? 'takes.pause' : 'takes.play')}
        </Button>
      }
    >
      <div className={styles.videos}>
        <figure>
          <video ref={left} src={urls[0]} autoPlay loop muted playsInline onTimeUpdate={keepStep} />
          <figcaption>{text('takes.current')}</figcaption>
        </figure>
        <figure>
          <video ref={right} src={urls[1]} autoPlay muted playsInline />
          <figcaption>{text('takes.compare')}</figcaption>
        </figure>
      </div>
    </Modal>
  );
}
