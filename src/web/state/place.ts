import { rememberedRecord } from './remembered';
import { getState } from './store';

const places = rememberedRecord('places', 100);

type Scroll = { rowLeft: number; pageTop: number };
type Place = { shot?: string } & Partial<Scroll>;

/** The shot of a film that was chosen when its page was left, and how far it was scrolled, as far as this browser knows. */
export function readPlace(filmId = getState().filmId): Place {
  try {
    return JSON.parse(places.read()[filmId ?? ''] ?? '{}') as Place;
  } catch {
    return {};
  }
}

export function keepPlace(scroll: Scroll): void {
  const { selectedId, filmId } = getState();
  if (!filmId) return;
  const place: Place = selectedId ? { ...scroll, shot: selectedId } : scroll;
  places.set({ [filmId]: JSON.stringify(place) });
}

/** Makes a shot the one that is chosen when the page of its film is opened next. */
export const chooseOnNextVisit = (filmId: string, shot: string): void =>
  places.set({ [filmId]: JSON.stringify({ shot } satisfies Place) });
