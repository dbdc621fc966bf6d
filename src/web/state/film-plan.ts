import { useMemo } from 'react';
import type { FilmSettings } from '../../contract/film';
import { planFilm, type Plan } from '../../film/plan';
import { useFilmSettings } from './films';
import { getState, useStore } from './store';

export type FilmPlan = { plan: Plan; settings: FilmSettings };

/** The plan of the film as it is now: it follows every change of its shots and settings. */
export function useFilmPlan(): FilmPlan {
  const settings = useFilmSettings();
  const ids = useStore((state) => state.ids);
  const byId = useStore((state) => state.byId);
  return useMemo(
    () => ({
      plan: planFilm(
        ids.flatMap((id) => byId[id] ?? []),
        settings,
      ),
      settings,
    }),
    [ids, byId, settings],
  );
}

/** The frame at which the chosen shot begins, else the next one that has something to show. */
export function firstFrame({ shots }: Plan): number {
  const { ids, selectedId } = getState();
  const chosen = ids.indexOf(selectedId ?? '');
  const behind = new Set(ids.slice(Math.max(chosen, 0)));
  return shots.find(({ shot }) => behind.has(shot._id))?.start ?? 0;
}

/** The frame of a new plan that is the same moment of the same shot as one of the old plan; null where the shot is gone. */
export function sameFrame(before: FilmPlan, now: FilmPlan, index: number, frame: number): number | null {
  const old = before.plan.shots[index];
  const shot = now.plan.shots.find((one) => one.shot._id === old?.shot._id);
  return old && shot ? shot.start + ((frame - old.start) * now.settings.fps) / before.settings.fps : null;
}
