import { z } from 'zod';

export const objectIdPattern = /^[0-9a-f]{24}$/;
export const objectId = z.string().regex(objectIdPattern, 'is not an id of 24 hex digits');
export const requestId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -');
export const requestIdsKept = 64;

export const time = z.iso.datetime();

// MongoDB stores UTF-8, so a lone surrogate would come back as different text than was acknowledged.
export const text = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .refine((value) => value.isWellFormed() && !value.includes('\0'), 'is not well-formed Unicode text');
