import { useRef } from 'react';
import type { Film } from '../../contract/film';
import { errorKey, useText, type TextKey } from '../i18n';
import { sync } from '../state/connection';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { CheckBox } from '../ui/check-box';
import { Icon } from '../ui/icon';
import styles from './film-settings.module.css';
import { SecondsField } from './seconds-field';
import { useMusicUpload, type MusicFault } from './use-music-upload';

const longestFadeS = 10;
const sounds = 'audio/*,.mp3,.wav,.m4a,.aac,.ogg,.flac';

/** The music of the film, and how loud it is when. */
export function MusicField({ film: { _id: id, settings } }: { film: Film }) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const { upload, start, stop } = useMusicUpload(id);
  const { music_url: url } = settings;
  const reasonOf = (fault: MusicFault) => text(sentences[fault] ?? errorKey(fault));
  const isUploading = upload !== null && upload.fault === undefined;

  return (
    <section className={styles.music}>
      <div className={styles.field}>
        <label htmlFor="film-music">{text('settings.music')}</label>
        <input
          ref={input}
          id="film-music"
          type="file"
          accept={sounds}
          hidden
          onChange={({ target }) => {
            const [sound] = target.files ?? [];
            // So that the same file can be chosen again.
            if (sound) void start(sound).finally(() => (target.value = ''));
          }}
        />
        {url && <audio key={url} src={url} controls preload="metadata" aria-label={text('settings.musicPlayer')} />}
        <div className={styles.buttons}>
          <Button disabled={isUploading} onClick={() => input.current?.click()}>
            <Icon name="music" /> {text(url ? 'settings.musicReplace' : 'settings.musicChoose')}
          </Button>
          {url && (
            <Button onClick={() => sync.films.update(id, { 'settings.music_path': null })}>
              {text('settings.musicRemove')}
            </Button>
          )}
          {!url && !upload && <span className="muted">{text('settings.musicHint')}</span>}
        </div>
        {isUploading && (
          <div className={styles.progress}>
            <span>{text('settings.musicUploading', { name: upload.name })}</span>
            <progress value={upload.part} aria-label={text('settings.musicUploading', { name: upload.name })} />
            <Button size="small" onClick={stop}>
              {text('common.cancel')}
            </Button>
          </div>
        )}
        {upload?.fault && (
          <Alert>
            <p>{text('settings.musicFailed', { name: upload.name, reason: reasonOf(upload.fault) })}</p>
            <Button size="small" onClick={stop}>
              {text('common.dismiss')}
            </Button>
          </Alert>
        )}
      </div>
      <Loudness id={id} settings={settings} />
    </section>
  );
}

// The sentences of these codes speak of pictures.
const sentences: Partial<Record<MusicFault, TextKey>> = {
  FILE_TOO_LARGE: 'settings.musicTooLarge',
  UNSUPPORTED_FILE: 'settings.musicNoSound',
};

function Loudness({ id, settings }: { id: string; settings: Film['settings'] }) {
  const text = useText();
  const percent = Math.round(settings.music_volume * 100);
  const { update } = sync.films;
  return (
    <>
      <div className={styles.pair}>
        <div className={styles.field}>
          <label htmlFor="film-music-volume">{text('settings.musicVolume')}</label>
          <div className={styles.volume}>
            <input
              id="film-music-volume"
              type="range"
              min={0}
              max={1}
              step={0.05}
              value={settings.music_volume}
              aria-valuetext={`${percent} %`}
              onChange={({ target }) => update(id, { 'settings.music_volume': Number(target.value) })}
            />
            <span className="muted">{percent} %</span>
          </div>
        </div>
        <SecondsField
          id="film-music-fade"
          label={text('settings.musicFade')}
          maxS={longestFadeS}
          valueS={settings.music_fade_out_s}
          onChange={(seconds) => update(id, { 'settings.music_fade_out_s': seconds })}
        />
      </div>
      <CheckBox
        label={text('settings.musicDucking')}
        isChecked={settings.music_ducking}
        onChange={(isDucking) => update(id, { 'settings.music_ducking': isDucking })}
      />
    </>
  );
}
