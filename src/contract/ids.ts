import { z } from 'zod';

export const objectIdPattern = /^[0-9a-f]{24}$/;
export const objectId = z.string().regex(objectIdPattern, 'is not an id of 24 hex digits');
export const requestId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 _ -');
export const requestIdsKept = 64;

export const time = z.iso.datetime();

/** The shapes of the path and the URL of an uploaded file. */
export function uploadShapes(name: string, folder: string, extensions: string) {
  const file = `uploads/${folder}/[A-Za-z0-9_-]{1,128}\\.(${extensions})$`;
  return {
    path: z.string().regex(new RegExp(`^${file}`), `is not an ${name}_path of an upload`),
    url: z.string().regex(new RegExp(`^/${file}`), `is not an ${name}_url of an upload`),
  };
}

/** Text of at most that many UTF-16 units; well-formed, as a lone surrogate would come back from MongoDB as something else. */
export const text = (maxLength: number) =>
  z
    .string()
    // As JSON Schema does, this counts an emoji as one; the check after it as two, as browsers do.
    .max(maxLength)
    .check(({ value, issues }) => {
      if (value.length <= maxLength || [...value].length > maxLength) return;
      const message = `Too big: expected string to have <=${maxLength} characters, of which an emoji counts as two`;
      issues.push({ code: 'too_big', origin: 'string', maximum: maxLength, inclusive: true, input: value, message });
    })
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'is not well-formed Unicode text');
