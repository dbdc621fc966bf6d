import type { Changes, Updates } from '../contract/workspace';
import { AppError } from '../utils/errors';

/** Flattens the updates of a client to dotted keys; `image_path` and `image_url` are derived from each other. */
export function toChanges(updates: Updates): Changes {
  const { form_data: form = {}, image_path: path, image_url: url, ...dotted } = updates;
  const fromForm = Object.fromEntries(Object.entries(form).map(([key, value]) => [`form_data.${key}`, value]));
  const twice = Object.keys(fromForm).find((key) => key in dotted);
  if (twice) {
    const details = [{ path: `updates.${twice}`, message: 'is named twice', rule: 'wrong_form' as const }];
    throw new AppError('INVALID_INPUT', `The update names "${twice}" twice; send it once.`, { details });
  }
  return { ...imageChanges(path, url), ...fromForm, ...dotted };
}

function imageChanges(path: string | null | undefined, url: string | null | undefined): Changes {
  if (path === undefined && url === undefined) return {};
  const fromUrl = url === undefined || url === null ? url : url.slice(1);
  if (path !== undefined && fromUrl !== undefined && path !== fromUrl) {
    const details = [
      { path: 'image_url', message: 'names another picture than image_path', rule: 'wrong_form' as const },
    ];
    throw new AppError('INVALID_INPUT', 'The image_path and the image_url name different images; send one of them.', {
      details,
    });
  }
  const image = path ?? fromUrl ?? null;
  return { image_path: image, image_url: image && `/${image}` };
}
