import { useEffect, useRef } from 'react';
import { useText } from '../i18n';
import { isChanged, shownClip, stateOf } from '../state/clip';
import { movesPictureOnly } from '../state/providers';
import { useSelected, useStore } from '../state/store';
import { replacePicture } from '../state/uploads';
import { Icon } from './icon';
import { IconButton } from './icon-button';
import { PictureInput } from './picture-input';

/** The chosen shot, large: its clip, else its picture. */
export function Stage() {
  const text = useText();
  const workspace = useSelected();
  const number = useStore(({ ids, selectedId }) => ids.indexOf(selectedId ?? '') + 1);
  const upload = useStore(({ uploads, selectedId }) => uploads.find(({ replaces }) => replaces === selectedId));
  const input = useRef<HTMLInputElement>(null);
  const wasGenerating = useRef<string | null>(null);

  const id = workspace?._id;
  const status = workspace?.video.status;
  const hasLanded = status === 'completed' && wasGenerating.current === id;
  useEffect(() => {
    if (status === 'generating') wasGenerating.current = id ?? null;
    else if (status !== 'completed' || wasGenerating.current !== id) wasGenerating.current = null;
  }, [id, status]);

  if (!workspace) return <div className="stage" />;
  const { video, image_url: picture } = workspace;
  const clip = shownClip(workspace);
  const state = stateOf(workspace);
  const isBusy = video.status === 'generating' || Boolean(upload && upload.phase !== 'failed');

  return (
    <div className="stage">
      {clip?.url ? (
        <video
          key={clip.url}
          className="stage-media"
          src={clip.url}
          poster={clip.poster_url ?? picture ?? undefined}
          aria-label={text('stage.player', { number })}
          controls
          loop
          muted
          playsInline
          autoPlay={hasLanded}
        />
      ) : picture ? (
        <img
          key={picture}
          className={`stage-media ${isBusy ? 'is-busy' : ''}`}
          src={picture}
          alt={text('stage.picture', { number })}
        />
      ) : (
        <button type="button" className="stage-blank" onClick={() => input.current?.click()}>
          <Icon name="image" /> {text('stage.noPicture')}
        </button>
      )}
      <span className="stage-badge">{text('card.name', { number })}</span>
      {picture && (
        <IconButton
          icon="image"
          className="stage-replace"
          label={text('stage.replace')}
          onClick={() => input.current?.click()}
        />
      )}
      <PictureInput ref={input} id="replace-picture" onPick={([file]) => file && replacePicture(workspace._id, file)} />
      <div className="stage-notes">
        {(state === 'generating' || state === 'failed') && clip && (
          <p className={`stage-note is-${state}`}>{text(`stage.${state}`)}</p>
        )}
        {movesPictureOnly(clip?.provider) && <p className="stage-note is-plain">{text('form.movesPicture')}</p>}
        {state !== 'generating' && isChanged(workspace) && (
          <p className="stage-note is-changed">{text('stage.changed')}</p>
        )}
      </div>
    </div>
  );
}
