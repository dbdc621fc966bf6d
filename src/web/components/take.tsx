import { useState } from 'react';
import type { Video } from '../../contract/video';
import type { Workspace } from '../../contract/workspace';
import { formKeys } from '../defaults';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { chooseTake, editForm } from '../state/shots';
import { setState } from '../state/store';
import { IconButton } from './icon-button';

type Props = {
  workspace: Workspace;
  take: Video;
  /** The take in the film; null where it is this one. */
  clip: Video | null;
  number: number;
};

/** One finished clip: who made it, from which prompt, and what can be done with it. */
export function Take({ workspace, take, clip, number }: Props) {
  const text = useText();
  const { _id: id, image_url: picture, form_data: form, video } = workspace;
  const made = take.form_data;
  const hasOtherForm = made !== null && formKeys.some((key) => made[key] !== form[key]);
  const maker = [displayName(take.provider), take.model, made && text('common.seconds', { count: made.duration_s })];
  const choose = (withForm: boolean) => chooseTake(id, take, withForm);
  const isBusy = video.status === 'generating';

  return (
    <div className={`take ${clip ? '' : 'is-current'}`}>
      <TakePicture take={take} picture={picture} />
      <span className="take-name">{text('takes.take', { number })}</span>
      <span className="take-maker">{maker.filter(Boolean).join(' · ')}</span>
      {made?.prompt && (
        <span className="take-prompt" title={made.prompt}>
          {made.prompt}
        </span>
      )}
      {!clip && <span className="take-current">{text('takes.current')}</span>}
      <span className="take-buttons">
        {clip && (
          <button type="button" className="button small" disabled={isBusy} onClick={() => choose(true)}>
            {text('takes.use')}
          </button>
        )}
        {clip && hasOtherForm && (
          <button
            type="button"
            className="button small"
            aria-label={text('takes.useClip')}
            disabled={isBusy}
            onClick={() => choose(false)}
          >
            {text('takes.clipOnly')}
          </button>
        )}
        {clip?.url && take.url && (
          <IconButton
            icon="compare"
            label={text('takes.compareWith')}
            onClick={() => setState({ dialog: { compare: [clip.url!, take.url!] } })}
          />
        )}
        {hasOtherForm && <IconButton icon="restore" label={text('takes.restore')} onClick={() => editForm(id, made)} />}
      </span>
    </div>
  );
}

function TakePicture({ take, picture }: { take: Video; picture: string | null }) {
  const [isPlaying, setIsPlaying] = useState(false);
  const still = take.poster_url ?? picture;
  return (
    <span className="take-picture" onPointerEnter={() => setIsPlaying(true)} onPointerLeave={() => setIsPlaying(false)}>
      {still && <img src={still} alt="" loading="lazy" />}
      {isPlaying && take.url && <video src={take.url} muted loop autoPlay playsInline />}
    </span>
  );
}
