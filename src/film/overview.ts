import { Types, type ClientSession } from 'mongoose';
import type { Film as WireFilm } from '../contract/film';
import { defaultFilm } from '../db/find-films';
import type { StoredFilm } from '../db/film';
import { toJson, Workspace, type StoredWorkspace } from '../db/workspace';
import { BoundedMap } from '../utils/bounded-map';
import { clipOf } from '../contract/continuity';
import { durationOf, planFilm, type Shot } from './plan';

/** A shot, and when it was last changed. */
type Row = Shot & { film_id: string; updated_at: string };

/** What a film's list entry says about its shots. */
type Figures = Pick<WireFilm, 'shots' | 'duration_s' | 'poster_url'> & { changedAt: string | undefined };

const filmsKept = 2000;

/** By film, the state of its shots when they were read, and the figures that followed from it. */
const known = new BoundedMap<string, { state: string; figures: Figures }>(filmsKept);

const rowFields = {
  film_id: 1,
  order_index: 1,
  image_url: 1,
  'form_data.duration_s': 1,
  cut: 1,
  video: 1,
  takes: { $slice: 1 },
  updated_at: 1,
} as const;

/**
 * The films as they go over the wire, with the figures of their shots; in the trash, of those that a restore brings back.
 * `first` is the default film, which is never in the trash.
 */
export async function toWireFilms(
  films: StoredFilm[],
  first: StoredFilm | null,
  session?: ClientSession,
): Promise<WireFilm[]> {
  const states = await readStates(films, session);
  const stateOf = (film: StoredFilm) => `${film.version} ${film.updated_at.toJSON()} ${states.get(String(film._id))}`;
  // Shots of films that have not changed need not be read again: a film may have hundreds.
  const before = new Map(films.map((film) => [film, known.get(String(film._id))]));
  const changed = films.filter((film) => before.get(film)?.state !== stateOf(film));
  const rows = await readRows(changed, session);
  return films.map((film) => {
    const id = String(film._id);
    const state = stateOf(film);
    const same = before.get(film);
    const figures = same?.state === state ? same.figures : figuresOf(film, rows.get(id) ?? []);
    known.set(id, { state, figures });
    return toWireFilm(film, figures, first);
  });
}

/** One film as it goes over the wire. */
export async function toWireFilmOf(film: StoredFilm): Promise<WireFilm> {
  const [wire] = await toWireFilms([film], await defaultFilm());
  return wire!;
}

function toWireFilm(film: StoredFilm, { changedAt, ...figures }: Figures, first: StoredFilm | null): WireFilm {
  const changes = [film.updated_at.toISOString(), changedAt ?? ''];
  return toJson<WireFilm>({
    _id: film._id,
    title: film.title,
    is_default: String(film._id) === String(first?._id),
    settings: film.settings,
    ...figures,
    version: film.version,
    created_at: film.created_at,
    updated_at: changes.sort().at(-1),
  });
}

function figuresOf({ settings }: StoredFilm, rows: Row[]): Figures {
  const [shot] = rows;
  return {
    shots: rows.length,
    duration_s: durationOf(planFilm(rows, settings), settings.fps),
    poster_url: shot ? (clipOf(shot)?.poster_url ?? shot.image_url) : null,
    changedAt: rows
      .map(({ updated_at }) => updated_at)
      .sort()
      .at(-1),
  };
}

const ofFilms = (films: StoredFilm[]) => ({
  film_id: { $in: films.map(({ _id }) => new Types.ObjectId(String(_id))) },
  $or: [{ deleted_at: null }, { deleted_with_film: true }],
});

/** By film, what differs after every stored change of its shots. */
async function readStates(films: StoredFilm[], session?: ClientSession): Promise<Map<string, string>> {
  const states = await Workspace.collection
    .aggregate<{ _id: Types.ObjectId; shots: number; versions: number; changed_at: unknown }>(
      [
        { $match: ofFilms(films) },
        {
          $group: {
            _id: '$film_id',
            shots: { $sum: 1 },
            versions: { $sum: '$version' },
            changed_at: { $max: '$updated_at' },
          },
        },
      ],
      { session },
    )
    .toArray();
  return new Map(states.map(({ _id, ...state }) => [String(_id), JSON.stringify(state)]));
}

async function readRows(films: StoredFilm[], session?: ClientSession): Promise<Map<string, Row[]>> {
  const rows = new Map(films.map(({ _id }): [string, Row[]] => [String(_id), []]));
  if (films.length === 0) return rows;
  // With the driver: hundreds of shots would take Mongoose longer than the database.
  const stored = await Workspace.collection
    .find<StoredWorkspace>(ofFilms(films), {
      projection: rowFields,
      sort: { film_id: 1, order_index: 1, _id: 1 },
      session,
    })
    .toArray();
  for (const row of toJson<Row[]>(stored)) rows.get(row.film_id)!.push(row);
  return rows;
}
