import { trusted } from 'mongoose';
import { z } from 'zod';
import { film } from '../contract/film';
import { workspace } from '../contract/workspace';
import { Film, type StoredFilm } from '../db/film';
import { toWire, Workspace, type StoredWorkspace } from '../db/workspace';
import { toWireFilms } from '../film/overview';
import { defineEndpoint } from '../utils/endpoint';

const inTrash = { deleted_at: trusted({ $ne: null }) };

const deletedAt = { deleted_at: z.iso.datetime() };
const newestFirst = { deleted_at: -1, _id: 1 } as const;

/** The films and workspaces in the trash, which can still be restored. */
export const getTrash = defineEndpoint({
  method: 'get',
  path: '/api/trash',
  summary:
    'Lists the films and workspaces in the trash, which can be restored, most recently deleted first; the workspaces of a deleted film are not listed by themselves.',
  reply: z.strictObject({
    films: z.array(film.extend(deletedAt)),
    workspaces: z.array(workspace.extend(deletedAt)),
  }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    const storedFilms = await Film.find(inTrash).sort(newestFirst).lean<StoredFilm[]>();
    const inOtherFilms = { film_id: trusted({ $nin: storedFilms.map(({ _id }) => _id) }) };
    const stored = await Workspace.find({ ...inTrash, ...inOtherFilms })
      .sort(newestFirst)
      .lean<StoredWorkspace[]>();
    const films = await toWireFilms(storedFilms, null);
    return {
      films: films.map((one, index) => ({ ...one, deleted_at: storedFilms[index]!.deleted_at!.toISOString() })),
      workspaces: stored.map((one) => ({ ...toWire(one), deleted_at: one.deleted_at!.toISOString() })),
    };
  },
});
