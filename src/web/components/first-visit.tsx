import { useRef } from 'react';
import sampleUrl from '../../../docs/sample.jpg';
import { useText } from '../i18n';
import { addPictures } from '../state/uploads';
import { Icon } from './icon';
import { PictureInput } from './picture-input';

/** What an empty timeline shows: one sentence, a place to drop pictures, and a picture to try with. */
export function FirstVisit() {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const addSample = async () => {
    const picture = await (await fetch(sampleUrl)).blob();
    addPictures([new File([picture], 'sample.jpg', { type: 'image/jpeg' })]);
  };

  return (
    <div className="first-visit">
      <div className="first-frames" aria-hidden="true">
        <span />
        <span style={{ backgroundImage: `url(${sampleUrl})` }} />
        <span />
      </div>
      <h1>{text('first.title')}</h1>
      <p className="first-sentence">{text('first.sentence')}</p>
      <div className="first-buttons">
        <button type="button" className="button primary large" onClick={() => void addSample()}>
          <Icon name="sparkle" /> {text('first.sample')}
        </button>
        <button type="button" className="button large" onClick={() => input.current?.click()}>
          <Icon name="image" /> {text('first.choose')}
        </button>
        <PictureInput ref={input} id="first-pictures" multiple onPick={(files) => addPictures(files)} />
      </div>
      <p className="muted">{text('first.hint')}</p>
    </div>
  );
}
