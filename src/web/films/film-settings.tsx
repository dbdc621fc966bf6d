import { useText } from '../i18n';
import { sync } from '../state/connection';
import { ownFilm } from '../state/films';
import { useStore } from '../state/store';
import { Modal } from '../ui/modal';
import { cleanTitle, titleMaxUnits } from './clean-title';
import styles from './film-settings.module.css';
import { FormatField } from './format-field';
import { MusicField } from './music-field';
import { SecondsField } from './seconds-field';
import { ChoiceField } from './choice-field';

const resolutions = ['720p', '1080p', '1440p', '2160p'] as const;
const frameRates = [24, 25, 30, 50, 60] as const;
const fits = ['pad', 'crop', 'blur'] as const;
const transitions = ['cut', 'crossfade', 'fade_black'] as const;
const longestTransitionS = 2;

/** What holds for the whole film. */
export function FilmSettings() {
  const text = useText();
  const film = useStore(ownFilm);
  if (!film) return null;
  const { _id: id, title, settings } = film;
  const { update } = sync.films;

  return (
    <Modal title={text('settings.name')} className={styles.settings}>
      <div className={styles.field}>
        <label htmlFor="film-title">{text('films.title')}</label>
        <input
          id="film-title"
          data-first
          value={title}
          maxLength={titleMaxUnits}
          placeholder={text('films.untitled')}
          onChange={({ target }) => update(id, { title: cleanTitle(target.value) })}
        />
      </div>
      <FormatField ratio={settings.aspect_ratio} onChoose={(ratio) => update(id, { 'settings.aspect_ratio': ratio })} />
      <div className={styles.pair}>
        <ChoiceField
          id="film-resolution"
          label={text('settings.resolution')}
          choices={resolutions.map((value) => ({ value, name: value }))}
          value={settings.resolution}
          onChoose={(resolution) => update(id, { 'settings.resolution': resolution })}
        />
        <ChoiceField
          id="film-fps"
          label={text('settings.fps')}
          choices={frameRates.map((value) => ({ value, name: text('settings.perSecond', { count: value }) }))}
          value={settings.fps}
          onChoose={(fps) => update(id, { 'settings.fps': fps })}
        />
      </div>
      <ChoiceField
        id="film-fit"
        label={text('settings.fit')}
        choices={fits.map((value) => ({ value, name: text(`settings.fit.${value}`) }))}
        value={settings.fit}
        onChoose={(fit) => update(id, { 'settings.fit': fit })}
      />
      <div className={styles.pair}>
        <ChoiceField
          id="film-transition"
          label={text('settings.transition')}
          choices={transitions.map((value) => ({ value, name: text(`settings.transition.${value}`) }))}
          value={settings.transition}
          onChoose={(transition) => update(id, { 'settings.transition': transition })}
        />
        {settings.transition !== 'cut' && (
          <SecondsField
            id="film-transition-length"
            label={text('settings.transitionLength')}
            maxS={longestTransitionS}
            valueS={settings.transition_ms / 1000}
            onChange={(seconds) => update(id, { 'settings.transition_ms': Math.round(seconds * 1000) })}
          />
        )}
      </div>
      <MusicField film={film} />
    </Modal>
  );
}
