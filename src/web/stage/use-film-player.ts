import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { durationOf, layersAt } from '../../film/plan';
import { drawBlur, hasClipOf, nextFrame, run, seek, tuneMusic, type Slot } from './film-media';
import { firstFrame, sameFrame, type FilmPlan } from '../state/film-plan';

export type FilmPlayer = ReturnType<typeof useFilmPlayer>;

/** The shot that the film is at, and the one in the other layer: the one before while it fades, else the next one. */
type Place = { index: number; other: number };

/** A browser draws no frames of a page that nobody sees; the film goes on. */
const hiddenTickMs = 500;

/** Plays the film by its plan: the clip that runs is the clock, and the next one is ready in the other layer. */
export function useFilmPlayer(film: FilmPlan) {
  const { plan, settings } = film;
  const { fps } = settings;
  const frame = useRef<number>(null as never);
  frame.current ??= firstFrame(plan);
  const [place, setPlace] = useState(() => placeAt(film, frame.current));
  const [isPaused, setIsPaused] = useState(false);
  const slots = useRef<[Slot, Slot]>([emptySlot(), emptySlot()]);
  const music = useRef<HTMLAudioElement>(null);
  /** By layer, the shot whose moment its player was brought to. */
  const sought = useRef<(string | null)[]>([null, null]);
  const isOver = place.index >= plan.shots.length;
  const isRunning = !isPaused && !isOver;

  const move = () => {
    const next = placeAt(film, frame.current);
    if (next.index !== place.index || next.other !== place.other) setPlace(next);
  };
  const go = (to: number) => {
    frame.current = Math.min(Math.max(to, 0), plan.frames);
    sought.current = [null, null];
    move();
    show();
  };
  const jump = (index: number) => {
    setIsPaused(false);
    go(plan.shots[Math.max(index, 0)]?.start ?? plan.frames);
  };

  /** Brings both layers, and the music, to the frame that the film is at. */
  function show(isWaiting = false): void {
    const layers = isOver ? [] : layersAt(plan, frame.current, settings);
    slots.current.forEach((slot, parity) => {
      const layer = layers.find(({ index }) => index % 2 === parity);
      const planned = plan.shots[layer?.index ?? (place.index % 2 === parity ? place.index : place.other)];
      const { box, video } = slot;
      if (!box || !video) return;
      box.style.opacity = String(layer?.opacity ?? 0);
      box.style.visibility = layer ? 'visible' : 'hidden';
      box.style.zIndex = layer && layer === layers.at(-1) ? '1' : '0';
      if (settings.fit === 'blur' && layer) drawBlur(slot);
      if (!planned?.clip?.url || !hasClipOf(video, planned)) return video.pause();
      const moment = `${planned.shot._id} ${planned.clip.url} ${planned.fromS}`;
      if (sought.current[parity] !== moment) seek(video, layer?.atS ?? planned.fromS);
      sought.current[parity] = moment;
      video.volume = planned.shot.cut.volume * (layer?.gain ?? 0);
      const isLeading = layer?.index === place.index;
      run(video, isRunning && layer !== undefined && (isLeading || !isWaiting), () => setIsPaused(true));
    });
    if (!music.current) return;
    const isHeard = ({ index }: (typeof layers)[number]) =>
      plan.shots[index]!.clip?.has_audio === true && plan.shots[index]!.shot.cut.volume > 0;
    const leftS = (plan.frames - frame.current) / fps;
    tuneMusic(music.current, frame.current / fps, leftS, settings, layers.some(isHeard));
    run(music.current, isRunning && !isWaiting, () => undefined);
  }

  function advance(passedS: number): void {
    const planned = plan.shots[place.index];
    if (!planned) return;
    const next = nextFrame(slots.current[place.index % 2]!, planned, frame.current, fps, passedS);
    frame.current = Math.min(next.frame, plan.frames);
    show(next.isWaiting);
    move();
  }

  const seen = useRef(film);
  useLayoutEffect(() => {
    if (seen.current === film) return;
    const same = sameFrame(seen.current, film, place.index, frame.current);
    if (same === null) sought.current = [null, null];
    frame.current = Math.min(same ?? frame.current, plan.frames);
    seen.current = film;
    move();
  });
  useLayoutEffect(() => show());
  useEffect(() => (isRunning ? eachFrame(advance) : undefined));

  return {
    plan,
    settings,
    slots,
    music,
    place,
    index: place.index,
    isOver,
    isPaused: isPaused || isOver,
    totalS: durationOf(plan, fps),
    jump,
    /** Goes to a time of the whole film; it plays on where it was playing. */
    seek: (timeS: number): void => go(Math.round(timeS * fps)),
    toggle: (): void => (isOver ? jump(0) : setIsPaused(!isPaused)),
    /** The seconds since the start of the film. */
    readTime: (): number => frame.current / fps,
  };
}

const emptySlot = (): Slot => ({ box: null, video: null, blur: null });

function placeAt({ plan, settings }: FilmPlan, frame: number): Place {
  const layers = frame < plan.frames ? layersAt(plan, frame, settings) : [];
  const index = layers.at(-1)?.index ?? plan.shots.length;
  return { index, other: layers.length > 1 ? index - 1 : index + 1 };
}

/** Calls `work` with the seconds that have passed, for each frame of the screen; returns the function that ends it. */
function eachFrame(work: (passedS: number) => void): () => void {
  let before = performance.now();
  const tick = () => {
    const now = performance.now();
    const passedS = (now - before) / 1000;
    before = now;
    work(passedS);
  };
  let request = requestAnimationFrame(function next() {
    request = requestAnimationFrame(next);
    tick();
  });
  const timer = setInterval(tick, hiddenTickMs);
  return () => {
    cancelAnimationFrame(request);
    clearInterval(timer);
  };
}
