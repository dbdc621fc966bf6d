import type { z } from 'zod';
import type { ErrorDetail } from '../contract';
import { AppError } from './errors';

/** Checks what a client sent; a misfit is the client's: INVALID_INPUT with the path of each fault. */
export function parseInput<Output>(schema: z.ZodType<Output>, input: unknown, what: string): Output {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = toDetails(parsed.error);
  const [first] = details;
  const hint = first ? `${first.path ? `"${first.path}" ` : ''}${first.message}` : 'it does not fit';
  throw new AppError('INVALID_INPUT', `The ${what} does not fit: ${hint}.`, { details });
}

/** Checks what a provider answered; a misfit is the provider's: PROVIDER_BAD_REPLY. */
export function parseReply<Output>(schema: z.ZodType<Output>, reply: unknown, provider: string): Output {
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  const message = `${provider} answered with something that is not in its documentation; try again later.`;
  throw new AppError('PROVIDER_BAD_REPLY', message, { cause: parsed.error });
}

function toDetails(error: z.ZodError): ErrorDetail[] {
  return error.issues.slice(0, 20).flatMap((issue) => {
    const path = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, message: lowerFirst(issue.message) }];
    return issue.keys.map((key) => ({ path: [path, key].filter(Boolean).join('.'), message: 'is not a known field' }));
  });
}

const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);
