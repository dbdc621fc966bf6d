// POST {base}/chat/completions of the compatible mode, `Authorization: Bearer <key>`; the shape is in chat-completions.ts.
// A key works in one region only, which the base URL selects. `enable_thinking: false` keeps answers short and allows JSON
// mode; no token limit, since the vendor advises against one in JSON mode (Q-SO).

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

// Q-ERR, Q-429: here `insufficient_quota` with a 429 is a per-minute rate limit, so the status decides.
function classify({ status, codes }: ApiFault): Classification | undefined {
  const hasCode = (...names: string[]) => codes.some((code) => names.includes(code));
  if (status === 401 || hasCode('invalid_api_key', 'InvalidApiKey')) {
    const sentence =
      'Qwen refused the API key; a key works in one region only, so check that DASHSCOPE_BASE_URL is the host of the ' +
      'region where DASHSCOPE_API_KEY was made (Beijing: dashscope.aliyuncs.com, Singapore: dashscope-intl.aliyuncs.com).';
    return ['PROVIDER_AUTH', sentence];
  }
  if (hasCode('Arrearage', 'AllocationQuota.FreeTierOnly')) {
    return ['PROVIDER_QUOTA', 'The Qwen account has an unpaid bill or no free quota left; settle it at the vendor.'];
  }
  if (hasCode('data_inspection_failed', 'DataInspectionFailed')) return ['CONTENT_REFUSED'];
  if (hasCode('model_not_found', 'model_not_supported', 'ModelNotFound')) return ['PROVIDER_NOT_CONFIGURED'];
  if (hasCode('RequestTimeOut')) return ['PROVIDER_TIMEOUT'];
  return undefined;
}
