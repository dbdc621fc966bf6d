import { Types } from 'mongoose';
import { z } from 'zod';
import { aiEntriesKept, aiEntry, suggestion, userMessage, type AiEntry } from '../contract/conversation';
import { objectId, requestId } from '../contract/ids';
import { findWorkspace } from '../db/find-workspaces';
import { toSet } from '../db/updates';
import { toJson, toWire, Workspace, workspaceNotFound } from '../db/workspace';
import { llmProvider, videoProvider } from '../services/providers';
import { suggest } from '../prompts/suggestion';
import { defineEndpoint } from '../utils/endpoint';
import { logger } from '../utils/logger';
import { push } from '../utils/push';

type Answer = { workspace_id: string; suggestion: AiEntry['suggestion']; entry: AiEntry };

/** Questions whose answer is still out, so that the same request_id at the same time asks the model once. */
const asking = new Map<string, Promise<Answer>>();

/** Asks the assistant about one workspace; the exchange is stored before it is answered, and a failed one is not. */
export const aiSuggest = defineEndpoint({
  method: 'post',
  path: '/api/ai/suggest',
  summary: 'Asks the assistant for advice and a patch of the form; applies nothing by itself.',
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
    // Goes on when its caller hangs up: another may wait for it, and the same request_id later gets it.
    const open = new AbortController().signal;
    // Before anything is read, since whatever was read is old when the answer that was out has come.
    const answer = asking.get(key) ?? ask(workspaceId, message, id, open).finally(() => asking.delete(key));
    asking.set(key, answer);
    return answer;
  },
});

async function ask(workspaceId: string, message: string, id: string | undefined, signal: AbortSignal): Promise<Answer> {
  const stored = await findWorkspace(workspaceId);
  const earlier = id && stored.ai_collaboration.find((entry) => entry.request_id === id);
  if (earlier) {
    const { request_id, ...entry } = earlier;
    return toAnswer(workspaceId, toJson<AiEntry>(entry));
  }

  const provider = llmProvider();
  const answer = await suggest({
    workspace: toWire(stored),
    message,
    provider,
    videoProvider: videoProvider(),
    signal,
  });
  const entry = { _id: new Types.ObjectId(), message, ...answer, created_at: new Date() };

  const after = await Workspace.findOneAndUpdate(
    { _id: workspaceId, deleted_at: null },
    {
      ...toSet({}),
      $push: { ai_collaboration: { $each: [{ ...entry, ...(id && { request_id: id }) }], $slice: -aiEntriesKept } },
    },
    { returnDocument: 'after', projection: { version: 1 } },
  ).lean();
  if (!after) throw workspaceNotFound();

  const wireEntry = toJson<AiEntry>(entry);
  logger.info('suggestion stored', { workspace_id: workspaceId, provider: answer.provider, model: answer.model });
  push({ type: 'ai.suggestion', workspace_id: workspaceId, entry: wireEntry, version: after.version });
  return toAnswer(workspaceId, wireEntry);
}

const toAnswer = (workspaceId: string, entry: AiEntry): Answer => ({
  workspace_id: workspaceId,
  suggestion: entry.suggestion,
  entry,
});
