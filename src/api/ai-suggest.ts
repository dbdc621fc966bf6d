import { Types } from 'mongoose';
import { z } from 'zod';
import { aiEntry, suggestion, userMessage, type AiEntry } from '../contract/conversation';
import { objectId, requestId } from '../contract/ids';
import { aiEntriesKept } from '../contract/limits';
import { findWorkspace } from '../db/find-workspaces';
import { versionedUpdate } from '../db/updates';
import { toJson, toWire, Workspace, workspaceNotFound } from '../db/workspace';
import { modelToAdvise } from '../generation/model-choice';
import { llmProvider } from '../services/providers';
import { suggest } from '../prompts/suggestion';
import { defineEndpoint } from '../utils/endpoint';
import { logger } from '../utils/logger';
import { push } from '../utils/push';

type SuggestReply = { workspace_id: string; suggestion: AiEntry['suggestion']; entry: AiEntry };

/** Questions without an answer yet, so that concurrent requests with one request_id ask the model once. */
const openQuestions = new Map<string, Promise<SuggestReply>>();

/** Asks the assistant about one workspace; the exchange is stored before the reply, unless it failed. */
export const aiSuggest = defineEndpoint({
  method: 'post',
  path: '/api/ai/suggest',
  summary: 'Asks the assistant for advice and a patch of the form, which is not applied.',
  body: z.strictObject({ workspace_id: objectId, message: userMessage, request_id: requestId.optional() }),
  reply: z.strictObject({ workspace_id: objectId, suggestion, entry: aiEntry }),
  errors: [
    'WORKSPACE_NOT_FOUND',
    'CONTENT_REFUSED',
    'PROVIDER_NOT_CONFIGURED',
    'PROVIDER_AUTH',
    'PROVIDER_QUOTA',
    'PROVIDER_RATE_LIMITED',
    'PROVIDER_FAILED',
    'PROVIDER_BAD_REPLY',
    'PROVIDER_TIMEOUT',
  ],
  handle({ body: { workspace_id: workspaceId, message, request_id: id }, signal }) {
    if (!id) return ask(workspaceId, message, undefined, signal);
    const key = `${workspaceId} ${id}`;
    // Not aborted when the caller hangs up: another one may be waiting, and a repetition gets the result.
    const neverAborted = new AbortController().signal;
    const reply =
      openQuestions.get(key) ?? ask(workspaceId, message, id, neverAborted).finally(() => openQuestions.delete(key));
    openQuestions.set(key, reply);
    return reply;
  },
});

async function ask(
  workspaceId: string,
  message: string,
  id: string | undefined,
  signal: AbortSignal,
): Promise<SuggestReply> {
  const stored = await findWorkspace(workspaceId);
  const earlier = id && stored.ai_collaboration.find((entry) => entry.request_id === id);
  if (earlier) {
    const { request_id, ...entry } = earlier;
    return toReply(workspaceId, toJson<AiEntry>(entry));
  }

  const provider = llmProvider();
  const answer = await suggest({
    workspace: toWire(stored),
    message,
    provider,
    target: modelToAdvise(stored.form_data),
    signal,
  });
  const entry = { _id: new Types.ObjectId(), message, ...answer, created_at: new Date() };

  const after = await Workspace.findOneAndUpdate(
    { _id: workspaceId, deleted_at: null },
    {
      ...versionedUpdate({}),
      $push: { ai_collaboration: { $each: [{ ...entry, ...(id && { request_id: id }) }], $slice: -aiEntriesKept } },
    },
    { returnDocument: 'after', projection: { version: 1, film_id: 1 } },
  ).lean();
  if (!after) throw workspaceNotFound();

  const wireEntry = toJson<AiEntry>(entry);
  logger.info('suggestion stored', { workspace_id: workspaceId, provider: answer.provider, model: answer.model });
  push(String(after.film_id), {
    type: 'ai.suggestion',
    workspace_id: workspaceId,
    entry: wireEntry,
    version: after.version,
  });
  return toReply(workspaceId, wireEntry);
}

const toReply = (workspaceId: string, entry: AiEntry): SuggestReply => ({
  workspace_id: workspaceId,
  suggestion: entry.suggestion,
  entry,
});
