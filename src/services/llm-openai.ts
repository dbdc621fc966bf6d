// POST {base}/chat/completions, `Authorization: Bearer <key>`; the shape is in chat-completions.ts.
// api.openai.com and its regional hosts get `max_completion_tokens`, `reasoning_effort` and `store`; any other
// server (Ollama, vLLM, LM Studio) gets `max_tokens` and no other optional field, and no key if there is none.
// No `temperature`: current models refuse it while reasoning.

import { z } from 'zod';
import { apiKey, isLoopback, modelServerUrl, readSettings } from '../config';
import { logger } from '../utils/logger';
import { defineLlmProvider } from './provider';
import { chat, type ChatServer } from './chat-completions';
import type { ApiFault, Classification } from './provider-errors';

const maxReplyTokens = 4096;

const { values, missing, ...settings } = readSettings(
  z.object({
    OPENAI_API_KEY: apiKey,
    OPENAI_BASE_URL: modelServerUrl('https://api.openai.com/v1'),
    OPENAI_MODEL: z.string().default('gpt-6-luna'),
  }),
);

const { hostname, protocol } = new URL(values.OPENAI_BASE_URL);
const isVendor = /^(.+\.)?api\.openai\.com$/.test(hostname);
// An invalid base URL does not show whether the key is needed.
const isKeyRequired = isVendor && !settings.problems.some(({ variable }) => variable === 'OPENAI_BASE_URL');
let isKeyUnencrypted = Boolean(values.OPENAI_API_KEY) && protocol === 'http:' && !isLoopback(hostname);

const server: ChatServer = {
  label: isVendor ? 'OpenAI' : 'The server at OPENAI_BASE_URL',
  baseUrl: values.OPENAI_BASE_URL,
  key: values.OPENAI_API_KEY,
  keyVariable: 'OPENAI_API_KEY',
  model: values.OPENAI_MODEL,
  modelVariable: 'OPENAI_MODEL',
  fields: isVendor
    ? { max_completion_tokens: maxReplyTokens, reasoning_effort: 'none', store: false }
    : { max_tokens: maxReplyTokens },
  classify,
};

/** OpenAI and every compatible server (O-SDK, L-OLL, L-VLLM, L-LMS); only OpenAI's own hosts require the key. */
export default defineLlmProvider({
  name: 'openai',
  settings: { ...settings, missing: isKeyRequired ? missing : missing.filter((name) => name !== 'OPENAI_API_KEY') },
  model: values.OPENAI_MODEL,
  suggest(request, signal) {
    if (isKeyUnencrypted) logger.warn('OPENAI_API_KEY is sent unencrypted over plain http', { host: hostname });
    isKeyUnencrypted = false;
    return chat(server, request, signal);
  },
});

// O-ERR: waiting does not help against a 429 for lack of credit.
function classify({ status, codes }: ApiFault): Classification | undefined {
  if (codes.some((code) => code === 'insufficient_quota' || code === 'credit_balance_exhausted')) {
    return ['PROVIDER_QUOTA'];
  }
  if (codes.some((code) => code === 'content_policy_violation' || code === 'content_filter')) {
    return ['CONTENT_REFUSED'];
  }
  if (status === 413) {
    const sentence = `The question with its picture and history is too long for ${server.model}; set OPENAI_MODEL to another model.`;
    return ['PROVIDER_FAILED', sentence];
  }
  return undefined;
}
