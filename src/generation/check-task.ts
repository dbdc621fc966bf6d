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

const maxPollsInFlight = 20;
const maxNotFound = 3;
const refusedKeyPauseMs = Math.min(longestBackoffMs, 6 * config.VIDEO_POLL_INTERVAL_MS);

/** Providers that refused our key; their attempts wait. */
const refusedKeys = new Set<string>();
const polling = createLimit(maxPollsInFlight);

/** The provider's answer about the task of an attempt; null when the check failed or the provider is cooling down. */
export async function checkTask(
  attempt: ActiveAttempt,
  provider: VideoProvider | null,
  { evenInCooldown = false } = {},
): Promise<Checked | null> {
  const { provider: name, task_id: taskId } = attempt.job;
  if (!provider || (cooldownLeftMs(name, 'polls') > 0 && !evenInCooldown)) return null;
  try {
    const checked = await polling(() => provider.check(taskId!, attempt.stop.signal));
    onPollReply(attempt, checked);
    return checked;
  } catch (thrown) {
    if (attempt.stop.signal.aborted) throw thrown;
    onPollError(attempt, toAppError(thrown));
    return null;
  }
}

/** Whether the provider has repeatedly said that it has no such task; a single answer may just be too soon after the create. */
export const isGone = ({ notFound }: ActiveAttempt): boolean => notFound >= maxNotFound;

function onPollReply(attempt: ActiveAttempt, checked: Checked): void {
  const { provider } = attempt.job;
  attempt.badReplies = 0;
  attempt.failedPolls = 0;
  attempt.notFound = checked.state === 'not_found' ? attempt.notFound + 1 : 0;
  if (checked.state === 'not_found')
    logger.warn('task not found', { ...logFields(attempt), reason: checked.reason, in_a_row: attempt.notFound });
  if (refusedKeys.delete(provider)) logger.info('provider accepts the key again', { provider });
}

/** A failed poll is not a failed task; a refused key or a rate limit affects every task of the provider. */
function onPollError(attempt: ActiveAttempt, error: AppError): void {
  const { provider } = attempt.job;
  logger.warn('task check failed', { ...logFields(attempt), code: error.code, error });
  attempt.failedPolls++;
  attempt.badReplies = error.code === 'PROVIDER_BAD_REPLY' ? attempt.badReplies + 1 : 0;
  if (error.code !== 'PROVIDER_AUTH' && error.code !== 'PROVIDER_RATE_LIMITED') return;
  if (error.code === 'PROVIDER_AUTH') refusedKeys.add(provider);
  const waitMs = error.code === 'PROVIDER_AUTH' ? refusedKeyPauseMs : error.retryAfterMs;
  for (const gate of ['polls', 'creates'] as const)
    coolDown(provider, gate, waitMs ?? pauseMs(attempt.failedPolls - 1));
}

/** Why attempts are waiting for providers, as sentences for `/health`. */
export const providerWarnings = (): string[] => [
  ...[...refusedKeys].map(
    (name) => `${name} refuses the API key, so its jobs wait; check the key in .env and restart the server`,
  ),
  ...unusableProviderNames().map(
    (name) => `${name} cannot be used, so its jobs wait; set its key in .env again and restart the server`,
  ),
];
