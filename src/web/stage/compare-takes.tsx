import { useRef, useState } from 'react';
import { useText } from '../i18n';
import { useSelected, useStore } from '../state/store';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Modal } from '../ui/modal';
import { useMoney } from '../ui/money';
import styles from './compare-takes.module.css';
import { makerWords } from './maker-words';

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
          <Caption url={urls[0]} title={text('takes.current')} />
        </figure>
        <figure>
          <video ref={right} src={urls[1]} autoPlay muted playsInline />
          <Caption url={urls[1]} title={text('takes.compare')} />
        </figure>
      </div>
    </Modal>
  );
}

/** Which take it is, who made it and what it cost. */
function Caption({ url, title }: { url: string; title: string }) {
  const text = useText();
  const { cost } = useMoney();
  const shot = useSelected();
  const options = useStore((state) => state.options);
  const take = shot && [shot.video, ...shot.takes].find((one) => one.url === url);
  return (
    <figcaption>
      {[title, take && makerWords(text, { options }, take), take?.cost && cost(take.cost)].filter(Boolean).join(' · ')}
    </figcaption>
  );
}
