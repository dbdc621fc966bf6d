import { useEffect, useRef } from 'react';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { fieldOf, replacePicture } from '../pictures/uploads';
import { clipOf } from '../../contract/continuity';
import { isChanged, stateOf } from '../state/clip';
import { movesPictureOnly } from '../state/providers';
import { fileNameOf } from '../state/shot-name';
import { useSelected, useStore } from '../state/store';
import { classes } from '../ui/classes';
import { DownloadButton } from '../ui/download-button';
import { Icon } from '../ui/icon';
import { IconButton } from '../ui/icon-button';
import { useMoney } from '../ui/money';
import { PictureInput } from '../ui/picture-input';
import { CropNote, CropView } from './crop-view';
import { CutBar } from './cut-bar';
import styles from './stage.module.css';
import { StartFrame } from './start-frame';
import { useCrop } from './use-crop';

/** The chosen shot, large. */
export function Stage() {
  const workspace = useSelected();
  return workspace ? <Shot workspace={workspace} /> : <div className={styles.stage} />;
}

/** Its clip, else its picture with what the ratio will crop. */
function Shot({ workspace }: { workspace: Workspace }) {
  const text = useText();
  const { cost } = useMoney();
  const crop = useCrop(workspace);
  const number = useStore(({ ids, selectedId }) => ids.indexOf(selectedId ?? '') + 1);
  const upload = useStore(({ uploads, selectedId }) =>
    uploads.find((one) => one.replaces === selectedId && fieldOf(one) === 'image_path'),
  );
  const input = useRef<HTMLInputElement>(null);
  const player = useRef<HTMLVideoElement>(null);
  const wasGenerating = useRef<string | null>(null);

  const { _id: id, video, image_url: picture } = workspace;
  const { status } = video;
  const hasLanded = status === 'completed' && wasGenerating.current === id;
  useEffect(() => {
    if (status === 'generating') wasGenerating.current = id;
    else if (status !== 'completed' || wasGenerating.current !== id) wasGenerating.current = null;
  }, [id, status]);

  const clip = clipOf(workspace);
  const state = useStore((all) => stateOf(workspace, all));
  const isOld = useStore((all) => isChanged(workspace, all));
  const isLinked = workspace.form_data.start === 'previous';
  const shownCrop = picture && !clip?.url && !isLinked ? crop : null;
  const isBusy = video.status === 'generating' || Boolean(upload && upload.phase !== 'failed');

  return (
    <>
      <div className={styles.stage}>
        {clip?.url ? (
          <video
            key={clip.url}
            ref={player}
            className={styles.media}
            src={clip.url}
            poster={clip.poster_url ?? picture ?? undefined}
            aria-label={text('stage.player', { number })}
            controls
            loop
            muted
            playsInline
            autoPlay={hasLanded}
          />
        ) : isLinked ? (
          <StartFrame shot={workspace} />
        ) : picture ? (
          <img
            key={picture}
            className={classes(styles.media, isBusy && styles.busy)}
            src={picture}
            alt={text('stage.picture', { number })}
          />
        ) : (
          <button type="button" className={styles.blank} onClick={() => input.current?.click()}>
            <Icon name="image" /> {text('stage.noPicture')}
          </button>
        )}
        {shownCrop && <CropView crop={shownCrop} />}
        <span className={styles.badge}>
          {text('card.name', { number })} {clip?.cost && <span className={styles.cost}>{cost(clip.cost)}</span>}
        </span>
        <div className={styles.tools}>
          {clip?.url && <DownloadButton url={clip.url} name={fileNameOf(workspace, clip.form_data?.prompt)} />}
          {picture && <IconButton icon="image" label={text('stage.replace')} onClick={() => input.current?.click()} />}
        </div>
        <PictureInput
          ref={input}
          id="replace-picture"
          onPick={([file]) => file && replacePicture(workspace._id, file)}
        />
        <div className={styles.notes}>
          {shownCrop && <CropNote className={styles.note} workspace={workspace} crop={shownCrop} />}
          {isLinked && !clip?.url && number > 1 && (
            <p className={styles.note}>{text('source.continues', { number: number - 1 })}</p>
          )}
          {(state === 'generating' || state === 'failed') && clip && (
            <p className={classes(styles.note, state === 'failed' && styles.failed)}>{text(`stage.${state}`)}</p>
          )}
          {movesPictureOnly(clip?.provider) && <p className={styles.note}>{text('form.movesPicture')}</p>}
          {isOld && state !== 'generating' && (
            <p className={classes(styles.note, styles.changed)}>{text('stage.changed')}</p>
          )}
        </div>
      </div>
      {clip?.url && <CutBar key={id} workspace={workspace} clip={clip} video={player} />}
    </>
  );
}
