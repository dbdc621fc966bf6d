import { useState } from 'react';
import type { Video } from '../../contract/video';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { hasOtherForm } from '../state/out-of-date';
import { fileNameOf } from '../state/shot-name';
import { chooseTake, editForm } from '../state/shots';
import { setState, useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import { DownloadButton } from '../ui/download-button';
import { IconButton } from '../ui/icon-button';
import { useMoney } from '../ui/money';
import { makerWords } from './maker-words';
import styles from './take.module.css';

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
  const { cost, source } = useMoney();
  const { _id: id, image_url: picture, form_data: form, video } = workspace;
  const made = take.form_data;
  const maker = useStore(({ options }) => makerWords(text, { options }, take));
  const isOtherForm = useStore(({ options }) => hasOtherForm(form, take, { options }));
  const choose = (withForm: boolean) => chooseTake(id, take, withForm);
  const isBusy = video.status === 'generating';

  return (
    <div className={classes(styles.take, !clip && styles.current)}>
      <TakePicture take={take} picture={picture} />
      <span className={styles.name}>
        {text('takes.take', { number })}
        {take.cost && (
          <span className={styles.cost} title={source(take.cost)}>
            {cost(take.cost)}
          </span>
        )}
        {!clip && <span className={styles.inFilm}>{text('takes.current')}</span>}
      </span>
      <span className={styles.maker}>{maker}</span>
      {made?.prompt && (
        <span className={styles.prompt} title={made.prompt}>
          {made.prompt}
        </span>
      )}
      <span className={styles.buttons}>
        {clip && (
          <Button size="small" disabled={isBusy} onClick={() => choose(true)}>
            {text('takes.use')}
          </Button>
        )}
        {clip && isOtherForm && (
          <Button size="small" aria-label={text('takes.useClip')} disabled={isBusy} onClick={() => choose(false)}>
            {text('takes.clipOnly')}
          </Button>
        )}
        {clip?.url && take.url && (
          <IconButton
            className={styles.action}
            icon="compare"
            label={text('takes.compareWith')}
            onClick={() => setState({ dialog: { compare: [clip.url!, take.url!] } })}
          />
        )}
        {take.url && (
          <DownloadButton className={styles.action} url={take.url} name={fileNameOf(workspace, made?.prompt)} />
        )}
        {made && isOtherForm && (
          <IconButton
            className={styles.action}
            icon="restore"
            label={text('takes.restore')}
            onClick={() => editForm(id, made)}
          />
        )}
      </span>
    </div>
  );
}

function TakePicture({ take, picture }: { take: Video; picture: string | null }) {
  const [isPlaying, setIsPlaying] = useState(false);
  const still = take.poster_url ?? picture;
  return (
    <span
      className={styles.picture}
      onPointerEnter={() => setIsPlaying(true)}
      onPointerLeave={() => setIsPlaying(false)}
    >
      {still && <img src={still} alt="" loading="lazy" />}
      {isPlaying && take.url && <video src={take.url} muted loop autoPlay playsInline />}
    </span>
  );
}
