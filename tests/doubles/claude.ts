// Anthropic's messages: key and version header, max_tokens required, no sampling parameters, the last turn is the user's.

import { z } from 'zod';
import { runDouble, type Double, type DoubleReply, type DoubleRequest } from './double';
import { faultOfSchema, textFor } from './suggestion';

const versions = ['2026-10-21', '2023-06-01'];
const models =
  /^claude-(haiku-5-5|sonnet-5-5|opus-5-5|fable-5-[12]|sonnet-5|opus-5|opus-4-[5678]|sonnet-4-6|haiku-4-5)$/;
const cannotStopThinking = /^claude-(sonnet|opus)-5-5$/;

const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string().min(1) }),
  z.strictObject({
    type: z.literal('image'),
    source: z.discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('base64'),
        media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
        data: z.string().regex(/^[A-Za-z0-9+/]+=*$/, 'Input should be valid base64'),
      }),
      z.strictObject({ type: z.literal('url'), url: z.url() }),
    ]),
  }),
]);
const body = z.strictObject({
  model: z.string(),
  max_tokens: z.int().min(1),
  system: z.union([z.string(), z.array(z.strictObject({ type: z.literal('text'), text: z.string() }))]).optional(),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant']),
        content: z.union([z.string().min(1), z.array(block).min(1)]),
      }),
    )
    .min(1),
  output_config: z
    .strictObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
      format: z.strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) }).optional(),
    })
    .optional(),
  thinking: z.strictObject({ type: z.enum(['adaptive', 'disabled']) }).optional(),
  metadata: z.strictObject({ user_id: z.string() }).optional(),
  stream: z.literal(false).optional(),
});

runDouble({ handle });

const fault = (status: number, type: string, message: string): DoubleReply => ({
  status,
  headers: { 'request-id': 'req_double' },
  body: { type: 'error', error: { type, message }, request_id: 'req_double' },
});

function handle({ method, path, headers, json }: DoubleRequest, { settings }: Double): DoubleReply {
  const key = headers['x-api-key'] ?? /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  if (!key || (settings.api_key !== null && key !== settings.api_key)) {
    return fault(401, 'authentication_error', 'invalid x-api-key');
  }
  if (method !== 'POST' || path !== '/v1/messages') return fault(404, 'not_found_error', 'Not found');
  if (!versions.includes(String(headers['anthropic-version']))) {
    return fault(400, 'invalid_request_error', 'anthropic-version: header is required');
  }
  const parsed = body.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const isUnknown = issue?.code === 'unrecognized_keys';
    const at = [...(issue?.path ?? []), ...(isUnknown ? issue.keys.slice(0, 1) : [])].map(String).join('.');
    return fault(
      400,
      'invalid_request_error',
      `${at}: ${isUnknown ? 'Extra inputs are not permitted' : issue?.message}`,
    );
  }
  const { model, messages, output_config: output, thinking } = parsed.data;
  if (!models.test(model)) return fault(404, 'not_found_error', `model: ${model}`);
  if (messages.at(-1)?.role !== 'user') {
    return fault(400, 'invalid_request_error', 'This model does not support assistant message prefill.');
  }
  if (
    messages.some(({ role, content }) => role === 'assistant' && JSON.stringify(content).includes('"type":"image"'))
  ) {
    return fault(400, 'invalid_request_error', 'messages: images are only allowed in user turns');
  }
  if (thinking?.type === 'disabled' && cannotStopThinking.test(model)) {
    return fault(400, 'invalid_request_error', 'thinking.type: disabled is not supported by this model');
  }
  const problem = output?.format && faultOfSchema(output.format.schema, 'output_config.format.schema');
  if (problem) return fault(400, 'invalid_request_error', problem);
  const content = [
    { type: 'thinking', thinking: '', signature: 'double' },
    { type: 'text', text: textFor(output?.format?.schema) },
  ];
  const usage = { input_tokens: 100, output_tokens: 50 };
  const reply = {
    id: 'msg_double',
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: 'end_turn',
    usage,
  };
  return { status: 200, headers: { 'request-id': 'req_double' }, body: reply };
}
