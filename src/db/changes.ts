import type { FilmChanges, FilmUpdates } from '../contract/film';
import type { Changes, Updates } from '../contract/workspace';
import { AppError } from '../utils/errors';

/** Flattens the updates of a shot to dotted keys; the path and the URL of an image are derived from each other. */
export function toChanges(updates: Updates): Changes {
  const { image_path, image_url, end_image_path, end_image_url, form_data, cut, ...dotted } = updates;
  return {
    ...fileChanges('image', { image_path, image_url }),
    ...fileChanges('end_image', { end_image_path, end_image_url }),
    ...flatten({ form_data, cut }, dotted),
  };
}

/** Flattens the updates of a film to dotted keys; `music_path` and `music_url` are derived from each other. */
export function toFilmChanges({ settings, ...dotted }: FilmUpdates): FilmChanges {
  const changes: FilmChanges = flatten({ settings }, dotted);
  const { 'settings.music_path': music_path, 'settings.music_url': music_url, ...rest } = changes;
  return { ...rest, ...under('settings', fileChanges('music', { music_path, music_url })) };
}

/** The parts and what is already dotted in one object; throws INVALID_INPUT if both name the same field. */
function flatten(parts: Record<string, object | undefined>, dotted: object): object {
  const fromParts = Object.assign({}, ...Object.entries(parts).map(([name, part]) => under(name, part))) as object;
  const twice = Object.keys(fromParts).find((key) => key in dotted);
  if (twice) {
    const details = [{ path: `updates.${twice}`, message: 'is named twice', rule: 'wrong_form' as const }];
    throw new AppError('INVALID_INPUT', `The update names "${twice}" twice; send it once.`, { details });
  }
  return { ...fromParts, ...dotted };
}

const under = (name: string, part: object = {}): object =>
  Object.fromEntries(Object.entries(part).map(([key, value]) => [`${name}.${key}`, value as unknown]));

/** The path and the URL of a file, each derived from the other; nothing if neither is given. */
function fileChanges(name: 'image' | 'end_image' | 'music', given: Record<string, string | null | undefined>): object {
  const path = given[`${name}_path`];
  const url = given[`${name}_url`];
  if (path === undefined && url === undefined) return {};
  const fromUrl = url === undefined || url === null ? url : url.slice(1);
  if (path !== undefined && fromUrl !== undefined && path !== fromUrl) {
    const details = [
      { path: `${name}_url`, message: `names a different file than ${name}_path`, rule: 'wrong_form' as const },
    ];
    throw new AppError(
      'INVALID_INPUT',
      `The ${name}_path and the ${name}_url name different files; send one of them.`,
      {
        details,
      },
    );
  }
  const file = path ?? fromUrl ?? null;
  return { [`${name}_path`]: file, [`${name}_url`]: file && `/${file}` };
}
