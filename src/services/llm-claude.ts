// POST {base}/v1/messages, `x-api-key: <key>` and `anthropic-version` -> {model, content: [{type, text}], stop_reason}.
// The system prompt is outside `messages`, whose last turn is the user's, picture first. Not every model can switch thinking
// off, so its effort is low and the token limit generous; there is no `temperature` and no forced tool.
// Errors are {type: "error", error: {type, message}, request_id}. Compatible servers may answer with plain text, the input
// of a tool, an event stream, or an error with status 200.

import { z } from 'zod';
import { apiKey, baseUrl, config, readSettings } from '../config';
import { withoutImage, type LlmReply, type LlmRequest } from '../prompts/suggestion';
import { defineLlmProvider } from './provider';
import { AppError } from '../utils/errors';
import { maxLlmReplyBytes, sendRequest, type HttpReply } from '../utils/http';
import { parseReply } from '../utils/parse';
import { faultOf } from './chat-reply';
import { readEvents } from './event-stream';
import { complaintOf, createDowngrade, type BasePlan, type Downgrades } from './downgrade';
import { faultError, type ApiFault, type Classification } from './provider-errors';

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

const block = z.object({ type: z.string(), text: z.string().optional(), input: z.unknown().optional() });
const replyShape = z.object({
  model: z.string().max(200).optional().catch(undefined),
  content: z.union([z.string().transform((text) => [{ type: 'text', text, input: undefined }]), z.array(block)]),
  stop_reason: z.string().nullish(),
});

type Plan = BasePlan & { format: boolean; effort: boolean };

// What the model supports, as learned so far; older models and local servers support less.
let supported: Plan = { format: true, effort: true, image: true };

/** Anthropic's Claude (A-SDK, A-VER, A-MOD). */
export default defineLlmProvider({
  name: 'claude',
  settings,
  model: values.ANTHROPIC_MODEL,
  async suggest(request, signal) {
    const downgrade = createDowngrade(supported, downgrades, request, service.model);
    for (;;) {
      const { plan } = downgrade;
      const reply = await post(plan.image ? request : withoutImage(request), plan, signal);
      const fault = faultOf(reply, service);
      if (!fault) {
        const answer = readMessage(reply);
        supported = downgrade.lasting;
        return request.imageJpeg && !plan.image ? { ...answer, isImageUnseen: true } : answer;
      }
      const classified = classify(fault);
      if (classified || !downgrade.stepDown(fault)) throw faultError(service, fault, classified, reply.retryAfterMs);
    }
  },
});

const post = (request: LlmRequest, plan: Plan, signal: AbortSignal): Promise<HttpReply> =>
  sendRequest({
    provider: service.label,
    method: 'POST',
    url: `${values.ANTHROPIC_BASE_URL.replace(/\/v1$/, '')}/v1/messages`,
    headers: {
      'anthropic-version': values.ANTHROPIC_VERSION,
      ...(service.key && { 'x-api-key': service.key }),
    },
    json: toBody(request, plan),
    signal,
    deadlineMs: config.LLM_TIMEOUT_MS,
    maxReplyBytes: maxLlmReplyBytes,
  });

function toBody({ system, history, question, imageJpeg, schema }: LlmRequest, { format, effort }: Plan) {
  const output = {
    ...(effort && { effort: 'low' }),
    ...(format && { format: { type: 'json_schema', schema } }),
  };
  const image = imageJpeg && {
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
      { role: 'user', content: [...(image ? [image] : []), { type: 'text', text: question }] },
    ],
  };
}

// An error may name the reply format, the effort, or the object that holds both.
const downgrades: Downgrades<Plan> = {
  named({ format, effort }, fault) {
    const complaint = complaintOf(fault, service.model);
    const namesFormat = /output_config\.format|output_format|json_schema|structured output|schema|grammar/i.test(
      complaint,
    );
    const namesEffort = /\beffort\b/i.test(complaint);
    const namesBoth = /output_config\b/.test(complaint) && !namesFormat && !namesEffort;
    const dropsFormat = format && (namesFormat || namesBoth);
    const dropsEffort = effort && (namesEffort || namesBoth);
    if (!dropsFormat && !dropsEffort) return null;
    return (plan) => ({ ...plan, format: plan.format && !dropsFormat, effort: plan.effort && !dropsEffort });
  },
  unnamed: (plan) => (plan.format || plan.effort ? [{ ...plan, format: false, effort: false }] : []),
};

function classify({ status, codes, text }: ApiFault): Classification | undefined {
  const overLimit = /^(enforced|contract)_spend_limit_reached$/;
  const isUnpaid = codes.includes('billing_error') || codes.some((code) => overLimit.test(code));
  if (isUnpaid || (status === 400 && /spend limit|credit balance|usage limit/i.test(text))) {
    return [
      'PROVIDER_QUOTA',
      'The Claude account has no credit left or has reached its spend limit; raise it at the vendor.',
    ];
  }
  if (status === 413 || (status === 400 && /prompt is too long|context window/i.test(text))) {
    const sentence = `The question with its picture and history is too long for ${service.model}; set ANTHROPIC_MODEL to another model.`;
    return ['PROVIDER_FAILED', sentence];
  }
  return undefined;
}

function readMessage(reply: HttpReply): LlmReply {
  const events = reply.json === undefined ? readEvents(reply.text) : [];
  const json = events.length > 0 ? joinEvents(events) : reply.json;
  const { content, model, stop_reason: stop } = parseReply(replyShape, json, service.label);
  if (stop === 'refusal') {
    throw new AppError('CONTENT_REFUSED', 'Claude declined to answer; rephrase the question and try again.');
  }
  // Thinking blocks may come first, so text blocks are found by type.
  const words = content.map((part) => (part.type === 'text' ? (part.text ?? '') : '')).join('');
  const tool = content.find(({ type }) => type === 'tool_use');
  const text = !words.trim() && tool ? JSON.stringify(tool.input) : words;
  if (!text.trim() && (stop === 'max_tokens' || stop === 'model_context_window_exceeded')) {
    const sentence = 'Claude spent its token limit on reasoning; try again or set ANTHROPIC_MODEL to another model.';
    throw new AppError('PROVIDER_BAD_REPLY', sentence);
  }
  return { text, model: model ?? service.model };
}

function joinEvents(events: Record<string, unknown>[]): unknown {
  const joined = { text: '', stop: '', model: undefined as unknown };
  for (const { message, delta } of events as Record<string, Record<string, unknown> | undefined>[]) {
    if (message) joined.model = message.model;
    if (delta?.type === 'text_delta' && typeof delta.text === 'string') joined.text += delta.text;
    if (typeof delta?.stop_reason === 'string') joined.stop = delta.stop_reason;
  }
  return { model: joined.model, content: joined.text, stop_reason: joined.stop };
}
