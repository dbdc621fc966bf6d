// POST {base}/chat/completions, `Authorization: Bearer <key>`; the shape is in chat-completions.ts.
// api.openai.com and its regional hosts get `max_completion_tokens`, `reasoning_effort` and `store`; any other
// server (Ollama, vLLM, LM Studio) only what all of them know, with `max_tokens`, and without a key if there is none.
// No `temperature`: the current models refuse it while they reason.

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
// A wrong address says nothing about the key.
const isKeyDemanded = isVendor && !settings.problems.some(({ variable }) => variable === 'OPENAI_BASE_URL');
let isKeyOpen = Boolean(values.OPENAI_API_KEY) && protocol === 'http:' && !isLoopback(hostname);

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

/** OpenAI and every server of its shape (O-SDK, L-OLL, L-VLLM, L-LMS); the key is only demanded for the vendor's hosts. */
export default defineLlmProvider({
  name: 'openai',
  settings: { ...settings, missing: isKeyDemanded ? missing : missing.filter((name) => name !== 'OPENAI_API_KEY') },
  model: values.OPENAI_MODEL,
  suggest(request, signal) {
    if (isKeyOpen) logger.warn('OPENAI_API_KEY goes over plain http, readable in the network', { host: hostname });
    isKeyOpen = false;
    return chat(server, request, signal);
  },
});

// O-ERR: a 429 without credit never goes away by waiting.
function classify({ status, codes }: ApiFault): Classification | undefined {
  if (codes.some((code) => code === 'insufficient_quota' || code === 'credit_balance_exhausted')) {
    return ['PROVIDER_QUOTA'];
  }
  if (codes.some((code) => code === 'content_policy_violation' || code === 'content_filter')) {
    return ['CONTENT_REFUSED'];
  }
  if (status === 413) {
    const sentence = `The question with its picture and history is too long for ${server.model}; set OPENAI_MODEL to another.`;
    return ['PROVIDER_FAILED', sentence];
  }
  return undefined;
}
