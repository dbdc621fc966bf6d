import type { FilmSettings } from '../../contract/film';
import type { PlannedShot } from '../../film/plan';

/** One of the two layers that take turns: its box, its player, and what fills the bars around a clip. */
export type Slot = { box: HTMLDivElement | null; video: HTMLVideoElement | null; blur: HTMLCanvasElement | null };

/** A little into the frame: at its very beginning, rounding could show the one before. */
const intoFrameS = 0.001;
/** How far the music may be from where it should: to seek is heard while it plays. */
const driftS = { playing: 0.3, paused: 0.02 };
/** -6 dB. */
const duckedPart = 0.5;
const blurWidth = 64;
const canPlayOn = 3;

/** Whether a player has the clip of this shot by now; React puts it there. */
export const hasClipOf = (video: HTMLVideoElement, { shot }: PlannedShot): boolean => video.dataset.shot === shot._id;

export function seek(video: HTMLVideoElement, atS: number): void {
  video.currentTime = atS + intoFrameS;
}

/** Plays or holds; `onRefused` is called where the browser plays nothing without a click. */
export function run(media: HTMLMediaElement, isRunning: boolean, onRefused: () => void): void {
  if (!isRunning || media.ended) media.pause();
  else if (media.paused) {
    media.play().catch((error: DOMException) => error.name === 'NotAllowedError' && onRefused());
  }
}

/**
 * The frame that the film is at some seconds later. A clip that runs tells it, and makes the film wait while it is loaded or
 * sought; a picture, or a clip that is over or broken, is shown for its time.
 */
export function nextFrame({ video }: Slot, planned: PlannedShot, frame: number, fps: number, passedS: number) {
  if (!planned.clip?.url || !video || video.error || video.ended)
    return { frame: frame + passedS * fps, isWaiting: false };
  if (!hasClipOf(video, planned) || video.seeking || video.readyState < canPlayOn) return { frame, isWaiting: true };
  return { frame: Math.max(frame, planned.start + (video.currentTime - planned.fromS) * fps), isWaiting: false };
}

/** Draws what is shown small, to be enlarged and blurred behind it. */
export function drawBlur({ box, blur }: Slot): void {
  const media = box?.querySelector<HTMLVideoElement | HTMLImageElement>('[data-media]');
  if (!blur || !media) return;
  const isVideo = media instanceof HTMLVideoElement;
  const width = isVideo ? media.videoWidth : media.naturalWidth;
  const height = isVideo ? media.videoHeight : media.naturalHeight;
  if (width === 0 || height === 0) return;
  blur.width = blurWidth;
  blur.height = Math.max(1, Math.round((blurWidth * height) / width));
  blur.getContext('2d')?.drawImage(media, 0, 0, blur.width, blur.height);
}

type MusicSettings = Pick<FilmSettings, 'music_volume' | 'music_fade_out_s' | 'music_ducking'>;

/** Puts the music, which is repeated, where the film is, as loud as it is there. */
export function tuneMusic(
  music: HTMLAudioElement,
  timeS: number,
  leftS: number,
  s: MusicSettings,
  isClipHeard: boolean,
) {
  const fade = s.music_fade_out_s > 0 ? Math.min(1, leftS / s.music_fade_out_s) : 1;
  music.volume = s.music_volume * Math.max(0, fade) * (s.music_ducking && isClipHeard ? duckedPart : 1);
  const { duration: lengthS } = music;
  if (!(lengthS > 0) || music.seeking) return;
  const wantedS = timeS % lengthS;
  const apartS = Math.abs(music.currentTime - wantedS);
  // Just before its end and just after its beginning are near each other.
  if (Math.min(apartS, lengthS - apartS) > driftS[music.paused ? 'paused' : 'playing']) music.currentTime = wantedS;
}
