import { useState } from 'react';
import type { Video } from '../../contract/video';
import { useText } from '../i18n';
import { chooseTake, editForm } from '../state/shots';
import { setState, useSelected } from '../state/store';
import { IconButton } from './icon-button';

/** The finished clips of the chosen shot, oldest first; one of them is in the film. */
export function Takes() {
  const text = useText();
  const workspace = useSelected();
  if (!workspace || workspace.takes.length === 0) return null;
  const { _id: id, video, takes, image_url: picture } = workspace;
  const current = video.status === 'completed' ? [video] : [];
  const all = [...current, ...takes].sort((a, b) => (a.completed_at ?? '').localeCompare(b.completed_at ?? ''));

  return (
    <section className="takes" aria-label={text('takes.name')}>
      <h2>{text('takes.name')}</h2>
      <div className="takes-row">
        {all.map((take, index) => (
          <div className={`take ${take === video ? 'is-current' : ''}`} key={take.attempt_id ?? index}>
            <TakePicture take={take} picture={picture} />
            <span className="take-name">{text('takes.take', { number: index + 1 })}</span>
            {take === video ? (
              <span className="take-current">{text('takes.current')}</span>
            ) : (
              <span className="take-buttons">
                <button
                  type="button"
                  className="button small"
                  disabled={video.status === 'generating'}
                  onClick={() => chooseTake(id, take)}
                >
                  {text('takes.use')}
                </button>
                {video.url && take.url && (
                  <IconButton
                    icon="compare"
                    label={text('takes.compareWith')}
                    onClick={() => setState({ dialog: { compare: [video.url!, take.url!] } })}
                  />
                )}
                {take.form_data && (
                  <IconButton
                    icon="restore"
                    label={text('takes.restore')}
                    onClick={() => editForm(id, take.form_data!)}
                  />
                )}
              </span>
            )}
          </div>
        ))}
      </div>
    </section>
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
