// POST {base}/chat/completions of the compatible mode, `Authorization: Bearer <key>`; the shape is in chat-completions.ts.
// A key works in one region only, and the base URL is the region. `enable_thinking: false` keeps the answer short and
// JSON mode allowed; no cap of tokens, since the vendor advises against one in JSON mode (Q-SO).

import { z } from 'zod';
import { apiKey, baseUrl, readSettings } from '../config';
import { defineLlmProvider } from './provider';
import { chat, type ChatServer } from './chat-completions';
import type { ApiFault, Classification } from './provider-errors';

const { values, ...settings } = readSettings(
  z.object({
    DASHSCOPE_API_KEY: apiKey,
    DASHSCOPE_BASE_URL: baseUrl('https://dashscope.aliyuncs.com/compatible-mode/v1'),
    QWEN_MODEL: z.string().default('qwen3.8-flash'),
  }),
);

const server: ChatServer = {
  label: 'Qwen',
  baseUrl: values.DASHSCOPE_BASE_URL,
  key: values.DASHSCOPE_API_KEY,
  keyVariable: 'DASHSCOPE_API_KEY',
  model: values.QWEN_MODEL,
  modelVariable: 'QWEN_MODEL',
  fields: { enable_thinking: false },
  classify,
};

/** Alibaba's Qwen (Q-BASE, Q-COMPAT). */
export default defineLlmProvider({
  name: 'qwen',
  settings,
  model: values.QWEN_MODEL,
  suggest: (request, signal) => chat(server, request, signal),
});

// Q-ERR, Q-429: `insufficient_quota` with 429 is a throttle per minute here, so it is left to the status.
function classify({ status, codes }: ApiFault): Classification | undefined {
  const says = (...words: string[]) => codes.some((code) => words.includes(code));
  if (status === 401 || says('invalid_api_key', 'InvalidApiKey')) {
    const sentence =
      'Qwen refused the API key; a key works in one region only, so check that DASHSCOPE_BASE_URL is the host of the ' +
      'region where DASHSCOPE_API_KEY was made (Beijing: dashscope.aliyuncs.com, Singapore: dashscope-intl.aliyuncs.com).';
    return ['PROVIDER_AUTH', sentence];
  }
  if (says('Arrearage', 'AllocationQuota.FreeTierOnly')) {
    return ['PROVIDER_QUOTA', 'The Qwen account has an unpaid bill or no free quota left; settle it at the vendor.'];
  }
  if (says('data_inspection_failed', 'DataInspectionFailed')) return ['CONTENT_REFUSED'];
  if (says('model_not_found', 'model_not_supported', 'ModelNotFound')) return ['PROVIDER_NOT_CONFIGURED'];
  if (says('RequestTimeOut')) return ['PROVIDER_TIMEOUT'];
  return undefined;
}
