import { useRef } from 'react';
import sampleUrl from '../../../docs/sample.jpg';
import { useText } from '../i18n';
import { addPictures } from '../pictures/uploads';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { PictureInput } from '../ui/picture-input';
import styles from './first-visit.module.css';

/** What an empty timeline shows: one sentence, a place to drop pictures, and a picture to try with. */
export function FirstVisit() {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const addSample = async () => {
    const picture = await (await fetch(sampleUrl)).blob();
    addPictures([new File([picture], 'sample.jpg', { type: 'image/jpeg' })]);
  };

  return (
    <div className={styles.firstVisit}>
      <div className={styles.frames} aria-hidden="true">
        <span />
        <span style={{ backgroundImage: `url(${sampleUrl})` }} />
        <span />
      </div>
      <h1>{text('first.title')}</h1>
      <p className={styles.sentence}>{text('first.sentence')}</p>
      <div className={styles.buttons}>
        <Button kind="primary" size="large" onClick={() => void addSample()}>
          <Icon name="sparkle" /> {text('first.sample')}
        </Button>
        <Button size="large" onClick={() => input.current?.click()}>
          <Icon name="image" /> {text('first.choose')}
        </Button>
        <PictureInput ref={input} id="first-pictures" multiple onPick={(files) => addPictures(files)} />
      </div>
      <p className="muted">{text('first.hint')}</p>
    </div>
  );
}
