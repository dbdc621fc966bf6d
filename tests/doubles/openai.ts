// Chat completions at /v1. `official: false` (first setting) is a compatible server at home: no key needed, the common
// subset only; `official: true` has the vendor's rules: key, model list, reasoning models without max_tokens and temperature.

import { z } from 'zod';
import { runDouble, type Double, type DoubleReply, type DoubleRequest } from './double';
import { faultOfSchema, textFor } from './suggestion';

const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({ url: z.string(), detail: z.enum(['auto', 'low', 'high', 'original']).optional() }),
  }),
]);
const content = z.union([z.string(), z.array(part).min(1)]);
const format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
      schema: z.record(z.string(), z.unknown()),
      strict: z.boolean().optional(),
    }),
  }),
]);
const common = {
  model: z.string().min(1),
  temperature: z.number().optional(),
  stream: z.literal(false).optional(),
  max_tokens: z.int().min(1).optional(),
  response_format: format.optional(),
};
const homeBody = z.strictObject({
  ...common,
  messages: z.array(z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content })).min(1),
});
const officialBody = z.strictObject({
  ...common,
  messages: z.array(z.strictObject({ role: z.enum(['system', 'developer', 'user', 'assistant']), content })).min(1),
  max_completion_tokens: z.int().min(1).optional(),
  reasoning_effort: z.enum(['none', 'low', 'medium', 'high', 'xhigh', 'max']).optional(),
  store: z.boolean().optional(),
  safety_identifier: z.string().max(128).optional(),
});

const oldModels = ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini'];
const alwaysReasoning = ['gpt-6.1-sol', 'gpt-6-astra'];
const models = ['gpt-6-luna', 'gpt-6.1-terra', 'gpt-6-sol', 'gpt-5.5', 'gpt-5.4', ...oldModels, ...alwaysReasoning];

runDouble({ handle });

const fault = (status: number, message: string, code: string | null, param: string | null = null): DoubleReply => ({
  status,
  body: { error: { message, type: 'invalid_request_error', param, code } },
});

function handle({ method, path, headers, json }: DoubleRequest, { settings }: Double): DoubleReply {
  const [, key] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  const isWrong = settings.api_key !== null && key !== settings.api_key;
  if (isWrong || (settings.official && !key)) return fault(401, 'Incorrect API key provided.', 'invalid_api_key');
  if (method !== 'POST' || path !== '/v1/chat/completions') return fault(404, 'Unknown request URL.', 'unknown_url');
  const parsed = (settings.official ? officialBody : homeBody).safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const param = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.map(String).join('.');
    return fault(400, `Invalid or unknown parameter: ${param}. ${issue?.message}`, 'invalid_value', param || null);
  }
  const body = parsed.data as z.infer<typeof officialBody>;
  const problem = (settings.official && faultOfVendor(body)) || faultOfFormat(body);
  if (problem) return problem;
  const schema = body.response_format?.type === 'json_schema' ? body.response_format.json_schema.schema : null;
  const message = { role: 'assistant', content: textFor(schema), refusal: null };
  const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  const reply = { id: 'chatcmpl-double', object: 'chat.completion', model: body.model, choices, usage };
  return { status: 200, headers: { 'x-request-id': 'req_double' }, body: reply };
}

function faultOfVendor(body: z.infer<typeof officialBody>): DoubleReply | null {
  const { model, reasoning_effort: effort } = body;
  if (!models.includes(model)) return fault(404, `The model '${model}' does not exist.`, 'model_not_found', 'model');
  if (oldModels.includes(model)) {
    if (effort === undefined) return null;
    return fault(
      400,
      "Unrecognized request argument supplied: 'reasoning_effort'",
      'unsupported_parameter',
      'reasoning_effort',
    );
  }
  if (body.max_tokens !== undefined) {
    const message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.";
    return fault(400, message, 'unsupported_parameter', 'max_tokens');
  }
  if (effort === 'none' && alwaysReasoning.includes(model)) {
    return fault(
      400,
      "Unsupported value: 'reasoning_effort' does not support 'none'.",
      'unsupported_value',
      'reasoning_effort',
    );
  }
  if (body.temperature !== undefined && effort !== 'none') {
    return fault(400, "Unsupported parameter: 'temperature'.", 'unsupported_parameter', 'temperature');
  }
  return null;
}

function faultOfFormat({ messages, response_format: wanted }: z.infer<typeof officialBody>): DoubleReply | null {
  const urls = messages.flatMap((message) =>
    typeof message.content === 'string'
      ? []
      : message.content.flatMap((item) =>
          item.type === 'image_url' ? [{ role: message.role, ...item.image_url }] : [],
        ),
  );
  const isBad = ({ role, url }: (typeof urls)[number]) =>
    role !== 'user' || !/^(data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/]+=*|https:\/\/.+)$/.test(url);
  if (urls.some(isBad)) return fault(400, 'Invalid image.', 'invalid_image', 'messages');
  if (wanted?.type === 'json_object' && !/json/i.test(JSON.stringify(messages))) {
    return fault(400, "'messages' must contain the word 'json' in some form.", null, 'messages');
  }
  if (wanted?.type !== 'json_schema' || !wanted.json_schema.strict) return null;
  const problem = faultOfSchema(wanted.json_schema.schema);
  return problem ? fault(400, `Invalid schema for response_format: ${problem}`, null, 'response_format') : null;
}
