// POST {base}/v1/messages, `x-api-key: <key>` and `anthropic-version` -> {model, content: [{type, text}], stop_reason}.
// The system prompt stands outside `messages`, whose last turn is the user's, picture first. Thinking cannot be switched
// off on every model, so its effort is low and the cap generous; there is no `temperature` and no forced tool.
// Errors are {type: "error", error: {type, message}, request_id}.

import { z } from 'zod';
import { apiKey, baseUrl, readSettings } from '../config';
import type { LlmReply, LlmRequest } from '../prompts/suggestion';
import { defineLlmProvider } from './provider';
import { AppError } from '../utils/errors';
import { sendRequest } from '../utils/http';
import { parseReply } from '../utils/parse';
import { faultError, readFault, type ApiFault, type Classification } from './provider-errors';

const maxReplyTokens = 8192;

const { values, ...settings } = readSettings(
  z.object({
    ANTHROPIC_API_KEY: apiKey,
    ANTHROPIC_BASE_URL: baseUrl('https://api.anthropic.com'),
    ANTHROPIC_MODEL: z.string().default('claude-sonnet-5-5'),
    ANTHROPIC_VERSION: z
      .string()
      .regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date such as 2026-10-21')
      .default('2026-10-21'),
  }),
);

const service = {
  label: 'Claude',
  key: values.ANTHROPIC_API_KEY,
  keyVariable: 'ANTHROPIC_API_KEY',
  model: values.ANTHROPIC_MODEL,
  modelVariable: 'ANTHROPIC_MODEL',
};

const replyShape = z.object({
  model: z.string().max(200).optional().catch(undefined),
  content: z.array(z.object({ type: z.string(), text: z.string().optional() })),
  stop_reason: z.string().nullish(),
});

// What the model turned out to understand; older models and local servers know less.
let knows = { format: true, effort: true };

/** Anthropic's Claude (A-SDK, A-VER, A-MOD). */
export default defineLlmProvider({
  name: 'claude',
  settings,
  model: values.ANTHROPIC_MODEL,
  async suggest(request, signal) {
    let plan = knows;
    for (;;) {
      const reply = await sendRequest({
        provider: service.label,
        method: 'POST',
        url: `${values.ANTHROPIC_BASE_URL.replace(/\/v1$/, '')}/v1/messages`,
        headers: {
          'anthropic-version': values.ANTHROPIC_VERSION,
          ...(service.key && { 'x-api-key': service.key }),
        },
        json: toBody(request, plan),
        signal,
      });
      if (reply.status >= 200 && reply.status < 300) {
        knows = plan;
        return readMessage(reply.json);
      }
      const fault = readFault(reply, service);
      const classified = classify(fault);
      const simpler = classified ? null : simplify(plan, fault);
      if (!simpler) throw faultError(service, fault, classified, reply.retryAfterMs);
      plan = simpler;
    }
  },
});

function toBody({ system, history, question, imageJpeg, schema }: LlmRequest, { format, effort }: typeof knows) {
  const output = {
    ...(effort && { effort: 'low' }),
    ...(format && { format: { type: 'json_schema', schema } }),
  };
  const picture = imageJpeg && {
    type: 'image',
    source: { type: 'base64', media_type: 'image/jpeg', data: imageJpeg.toString('base64') },
  };
  return {
    model: service.model,
    max_tokens: maxReplyTokens,
    system: format ? system : `${system}\n\nJSON schema of the reply:\n${JSON.stringify(schema)}`,
    ...(Object.keys(output).length > 0 && { output_config: output }),
    messages: [
      ...history.flatMap(({ user, assistant }) => [
        { role: 'user', content: user },
        { role: 'assistant', content: assistant },
      ]),
      { role: 'user', content: [...(picture ? [picture] : []), { type: 'text', text: question }] },
    ],
  };
}

// One repeat for each thing that a 400 names: the reply format, the effort, or the object around both.
function simplify({ format, effort }: typeof knows, { status, text }: ApiFault) {
  if (status !== 400) return null;
  const namesFormat = /output_config\.format|output_format|json_schema|structured output|schema/i.test(text);
  const namesEffort = /\beffort\b/i.test(text);
  const namesBoth = /output_config\b/.test(text) && !namesFormat && !namesEffort;
  const next = { format: format && !namesFormat && !namesBoth, effort: effort && !namesEffort && !namesBoth };
  return next.format === format && next.effort === effort ? null : next;
}

function classify({ status, codes, text }: ApiFault): Classification | undefined {
  const overLimit = /^(enforced|contract)_spend_limit_reached$/;
  const isUnpaid = codes.includes('billing_error') || codes.some((code) => overLimit.test(code));
  if (isUnpaid || (status === 400 && /spend limit|credit balance|usage limit/i.test(text))) {
    return ['PROVIDER_QUOTA', 'The Claude account has no credit left or met its spend limit; raise it at the vendor.'];
  }
  if (status === 413 || (status === 400 && /prompt is too long|context window/i.test(text))) {
    const sentence = `The question with its picture and history is too long for ${service.model}; set ANTHROPIC_MODEL to another.`;
    return ['PROVIDER_FAILED', sentence];
  }
  return undefined;
}

function readMessage(json: unknown): LlmReply {
  const { content, model, stop_reason: stop } = parseReply(replyShape, json, service.label);
  if (stop === 'refusal') {
    throw new AppError('CONTENT_REFUSED', 'Claude declined to answer; rephrase the question and try again.');
  }
  // Blocks of thinking may come first, so the text is looked for by its type.
  const text = content.map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join('');
  if (!text.trim() && (stop === 'max_tokens' || stop === 'model_context_window_exceeded')) {
    const sentence = 'Claude spent its token limit on reasoning; try again or set ANTHROPIC_MODEL to another model.';
    throw new AppError('PROVIDER_BAD_REPLY', sentence);
  }
  return { text, model: model ?? service.model };
}
