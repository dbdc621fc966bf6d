// DashScope's compatible mode: bearer key, `enable_thinking` at top level, JSON modes that thinking rules out (Q-COMPAT).

import { z } from 'zod';
import { runDouble, type Double, type DoubleReply, type DoubleRequest } from './double';
import { textFor } from './suggestion';

const maxDataUri = 10 * 1024 * 1024;

const part = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({
    type: z.literal('image_url'),
    image_url: z.strictObject({ url: z.string().max(maxDataUri), detail: z.string().optional() }),
  }),
]);
const body = z.strictObject({
  model: z.string(),
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['system', 'user', 'assistant']),
        content: z.union([z.string(), z.array(part).min(1)]),
      }),
    )
    .min(1),
  temperature: z.number().min(0).lt(2).optional(),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  enable_thinking: z.boolean().optional(),
  thinking_budget: z.int().optional(),
  reasoning_effort: z.enum(['none', 'low', 'medium', 'xhigh']).optional(),
  stream: z.literal(false).optional(),
  response_format: z
    .discriminatedUnion('type', [
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
    ])
    .optional(),
});

const withSchema = /^(qwen3\.7-(plus|flash|max)|qwen3\.8-(max|flash)|qwen4-max)/;
const withoutSchema = /^(qwen3\.[56]-|qwen-plus$)/;
const blind = /^(qwen3\.7-max|qwen-plus$)/;

runDouble({ handle });

const fault = (status: number, code: string, message: string): DoubleReply => ({
  status,
  body: { error: { message, type: 'invalid_request_error', param: null, code }, request_id: 'double' },
});

function handle({ method, path, headers, json }: DoubleRequest, { settings }: Double): DoubleReply {
  const [, key] = /^Bearer (\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (!key || (settings.api_key !== null && key !== settings.api_key)) {
    return fault(401, 'invalid_api_key', 'Incorrect API key provided.');
  }
  if (method !== 'POST' || path !== '/compatible-mode/v1/chat/completions') return { status: 404, body: '' };
  const parsed = body.safeParse(json);
  if (!parsed.success) return fault(400, 'invalid_parameter_error', z.prettifyError(parsed.error));
  const { model, messages, response_format: wanted, enable_thinking: thinks = true } = parsed.data;
  if (!withSchema.test(model) && !withoutSchema.test(model)) {
    return fault(404, 'model_not_found', `The model '${model}' does not exist or you do not have access to it.`);
  }
  const parts = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  const pictures = parts.filter((item) => item.type === 'image_url');
  const isReadable = ({ url }: { url: string }) =>
    /^(https?:\/\/|data:image\/[a-z]+;base64,[A-Za-z0-9+/]+=*$)/.test(url);
  if (pictures.length > 0 && (blind.test(model) || !pictures.every((item) => isReadable(item.image_url)))) {
    return fault(400, 'invalid_parameter_error', 'The image is not supported or cannot be read.');
  }
  if (wanted && wanted.type !== 'text' && thinks) {
    return fault(400, 'invalid_parameter_error', 'Json mode response is not supported when enable_thinking is true');
  }
  if (wanted?.type === 'json_object' && !/json/i.test(JSON.stringify(messages))) {
    return fault(400, 'invalid_parameter_error', "'messages' must contain the word 'json' in some form.");
  }
  if (wanted?.type === 'json_schema' && !withSchema.test(model)) {
    return fault(
      400,
      'invalid_parameter_error',
      "'response_format' of type 'json_schema' is not supported by this model.",
    );
  }
  const schema = wanted?.type === 'json_schema' ? wanted.json_schema.schema : null;
  const message = { role: 'assistant', content: textFor(schema), reasoning_content: '' };
  const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  return { status: 200, body: { id: 'chatcmpl-double', object: 'chat.completion', model, choices, usage } };
}
