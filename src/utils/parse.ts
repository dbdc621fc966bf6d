import type { z } from 'zod';
import type { ErrorDetail } from '../contract/errors';
import { AppError } from './errors';

/** Checks input from a client; a mismatch is the client's fault: INVALID_INPUT with the path of each problem. */
export function parseInput<Output>(schema: z.ZodType<Output>, input: unknown, what: string): Output {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (parsed.success) return parsed.data;
  const details = toDetails(parsed.error);
  const [first] = details;
  const hint = first ? `${first.path ? `"${first.path}" ` : ''}${first.message}` : 'unknown reason';
  throw new AppError('INVALID_INPUT', `The ${what} is not valid: ${hint}.`, { details });
}

/** Checks a reply of a provider; a mismatch is the provider's fault: PROVIDER_BAD_REPLY. */
export function parseReply<Output>(schema: z.ZodType<Output>, reply: unknown, provider: string): Output {
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  const message = `${provider} returned a response that its documentation does not describe; try again later.`;
  throw new AppError('PROVIDER_BAD_REPLY', message, { cause: parsed.error });
}

function toDetails(error: z.ZodError): ErrorDetail[] {
  return error.issues.slice(0, 20).flatMap((issue): ErrorDetail[] => {
    const path = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, message: lowerFirst(issue.message), ...ruleOf(issue) }];
    return issue.keys.map((key) => ({
      path: [path, key].filter(Boolean).join('.'),
      message: 'is not a known field',
      rule: 'unknown_key',
    }));
  });
}

function ruleOf(issue: z.core.$ZodIssue): Pick<ErrorDetail, 'rule' | 'limit'> {
  switch (issue.code) {
    case 'invalid_type':
      return { rule: issue.input === undefined ? 'required' : 'wrong_type' };
    case 'too_big':
      return { rule: hasLength(issue.origin) ? 'too_long' : 'out_of_range', limit: Number(issue.maximum) };
    case 'too_small':
      return { rule: hasLength(issue.origin) ? 'too_short' : 'out_of_range', limit: Number(issue.minimum) };
    case 'invalid_value':
      return { rule: issue.input === undefined ? 'required' : 'not_offered' };
    default:
      return { rule: 'wrong_form' };
  }
}

const hasLength = (origin: string): boolean => origin === 'string' || origin === 'array';
const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);
