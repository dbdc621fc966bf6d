import { z } from 'zod';
import { objectId, text } from '../contract/ids';
import { filmOrDefault } from '../db/find-films';
import { isAbsoluteFolder } from '../film/drafts-folder';
import { packageFilm, type PackageKind } from '../film/package';
import { defineEndpoint, Download } from '../utils/endpoint';
import { createZip } from '../utils/zip';

const folderMaxLength = 1000;

const query = z
  .object({
    film_id: objectId.optional(),
    format: z.enum(['editor', 'jianying', 'capcut']).optional(),
    /** Of a package for editors. */
    takes: z.enum(['chosen', 'all']).optional(),
    /** Of a draft: the folder in which the app keeps its drafts. */
    drafts_folder: text(folderMaxLength)
      .refine(isAbsoluteFolder, 'must be an absolute folder, such as /Users/me/Movies or C:\\Users\\me')
      .optional(),
  })
  .superRefine(({ format = 'editor', drafts_folder: folder }, context) => {
    if (format === 'editor' || folder !== undefined) return;
    const message = 'must be given for a draft: the absolute folder in which the app keeps its drafts';
    context.addIssue({ code: 'invalid_type', expected: 'string', input: undefined, path: ['drafts_folder'], message });
  });

/** Sends a film as one zip that other editors open. */
export const exportPackage = defineEndpoint({
  method: 'get',
  path: '/api/export/package',
  summary: 'Downloads a film as a zip for other editors: its clips and timelines, or a draft of 剪映 or CapCut.',
  query,
  reply: 'application/zip',
  errors: ['INVALID_INPUT', 'FILM_NOT_FOUND', 'NOTHING_TO_EXPORT', 'CLIP_MISSING', 'DATABASE_UNAVAILABLE'],
  async handle({ query: { film_id: filmId, ...asked }, signal }) {
    const film = await filmOrDefault(filmId);
    const { fileName, entries } = await packageFilm(film, toKind(asked), signal);
    const { size, stream } = createZip(entries);
    return new Download(fileName, size, stream);
  },
});

function toKind({
  format = 'editor',
  takes = 'chosen',
  drafts_folder: draftsFolder,
}: Omit<z.infer<typeof query>, 'film_id'>): PackageKind {
  return format === 'editor' ? { format, takes } : { format, draftsFolder: draftsFolder! };
}
