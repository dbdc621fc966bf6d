import { z } from 'zod';
import { film } from '../contract/film';
import { defaultFilm, findFilms } from '../db/find-films';
import { lastWriteTime, readSnapshot } from '../db/mongodb';
import { toWireFilmOf, toWireFilms } from '../film/overview';
import { defineEndpoint, JsonText } from '../utils/endpoint';

/** The list, valid until the database writes something after `at`. */
let last: { at: string; list: JsonText } | null = null;

/** Every film that is not in the trash, oldest first. */
export const getFilms = defineEndpoint({
  method: 'get',
  path: '/api/films',
  summary: 'Lists every film that is not in the trash, oldest first. Answers 304 when the ETag still matches.',
  reply: z.strictObject({ films: z.array(film) }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    const now = (await lastWriteTime())?.toBigInt();
    if (now !== undefined && last?.at === String(now)) return last.list;
    const { result, at } = await readSnapshot(async (session) => {
      const films = await findFilms(session);
      return toWireFilms(films, films[0] ?? null, session);
    });
    const films = result.length > 0 ? result : [await toWireFilmOf(await defaultFilm())];
    const list = new JsonText(JSON.stringify({ films }));
    last = result.length > 0 && at !== null ? { at, list } : null;
    return list;
  },
});
