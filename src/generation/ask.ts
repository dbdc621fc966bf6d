import { config } from '../config';
import type { Checked, VideoProvider } from '../services/provider';
import { toAppError, type AppError } from '../utils/errors';
import { logger } from '../utils/logger';
import { createLimit } from '../utils/queue';
import {
  coolDown,
  cooldownLeftMs,
  logFields,
  longestBackoffMs,
  pauseMs,
  unusableProviderNames,
  type ActiveAttempt,
} from './attempt';

const pollsInFlight = 20;
const notFoundInARow = 3;
const refusedKeyPauseMs = Math.min(longestBackoffMs, 6 * config.VIDEO_POLL_INTERVAL_MS);

/** Providers that refuse our key; their attempts wait. */
const refusedKeys = new Set<string>();
const polling = createLimit(pollsInFlight);

/** The provider's answer about the task of an attempt; null when it could not be asked. */
export async function ask(
  attempt: ActiveAttempt,
  provider: VideoProvider | null,
  { evenInCooldown = false } = {},
): Promise<Checked | null> {
  const { provider: name, task_id: taskId } = attempt.job;
  if (!provider || (cooldownLeftMs(name, 'polls') > 0 && !evenInCooldown)) return null;
  try {
    const checked = await polling(() => provider.check(taskId!, attempt.stop.signal));
    onAnswer(attempt, checked);
    return checked;
  } catch (thrown) {
    if (attempt.stop.signal.aborted) throw thrown;
    onPollError(attempt, toAppError(thrown));
    return null;
  }
}

/** Whether the provider said often enough that it has no such task: one such answer may come right after the create. */
export const isGone = ({ notFound }: ActiveAttempt): boolean => notFound >= notFoundInARow;

function onAnswer(attempt: ActiveAttempt, checked: Checked): void {
  const { provider } = attempt.job;
  attempt.badReplies = 0;
  attempt.failedPolls = 0;
  attempt.notFound = checked.state === 'not_found' ? attempt.notFound + 1 : 0;
  if (checked.state === 'not_found')
    logger.warn('task not found', { ...logFields(attempt), reason: checked.reason, in_a_row: attempt.notFound });
  if (refusedKeys.delete(provider)) logger.info('provider accepts the key again', { provider });
}

/** A failed poll is not a failed task; a refused key and a limit concern every task of the provider. */
function onPollError(attempt: ActiveAttempt, error: AppError): void {
  const { provider } = attempt.job;
  logger.warn('task could not be asked for', { ...logFields(attempt), code: error.code, error });
  attempt.failedPolls++;
  attempt.badReplies = error.code === 'PROVIDER_BAD_REPLY' ? attempt.badReplies + 1 : 0;
  if (error.code !== 'PROVIDER_AUTH' && error.code !== 'PROVIDER_RATE_LIMITED') return;
  if (error.code === 'PROVIDER_AUTH') refusedKeys.add(provider);
  const waitMs = error.code === 'PROVIDER_AUTH' ? refusedKeyPauseMs : error.retryAfterMs;
  for (const gate of ['polls', 'creates'] as const)
    coolDown(provider, gate, waitMs ?? pauseMs(attempt.failedPolls - 1));
}

/** Which providers are waited for, in words for `/health`. */
export const providerWarnings = (): string[] => [
  ...[...refusedKeys].map(
    (name) => `${name} refuses the API key: its jobs wait; check the key in .env and restart the server`,
  ),
  ...unusableProviderNames().map(
    (name) => `${name} cannot be used and its jobs wait: set its key in .env again and restart the server`,
  ),
];
