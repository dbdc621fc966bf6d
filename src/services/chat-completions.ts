// What servers of the OpenAI shape share, the vendor's or one at home:
// POST {base}/chat/completions {model, messages, response_format, ...fields} ->
// {model, choices: [{message: {content, refusal}, finish_reason}]}, or an error body that provider-errors.ts reads.

import { z } from 'zod';
import type { LlmReply, LlmRequest } from '../prompts/suggestion';
import { AppError } from '../utils/errors';
import { sendRequest } from '../utils/http';
import { parseReply } from '../utils/parse';
import { faultError, readFault, type ApiFault, type Classification, type Service } from './provider-errors';

/** One server and what is particular to it. */
export type ChatServer = Required<Omit<Service, 'key'>> & {
  key?: string;
  baseUrl: string;
  /** Fields beside model, messages and response_format. */
  fields: Record<string, unknown>;
  /** What the server's own error codes mean; undefined leaves it to the HTTP status. */
  classify: (fault: ApiFault) => Classification | undefined;
};

type Level = 'json_schema' | 'json_object' | 'plain';
type Plan = { level: Level; fields: Record<string, unknown> };

const replyShape = z.object({
  model: z.string().max(200).optional().catch(undefined),
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
});

// What a server and its model turned out to understand, by base URL and model.
const plans = new Map<string, Plan>();

/** Asks once; repeats only to leave out what the server says it does not know: the JSON schema, or a named parameter. */
export async function chat(server: ChatServer, request: LlmRequest, signal: AbortSignal): Promise<LlmReply> {
  const { label, key, model, baseUrl } = server;
  const planKey = `${baseUrl} ${model}`;
  const changed = new Set<string>();
  let plan = plans.get(planKey) ?? { level: 'json_schema', fields: server.fields };
  for (;;) {
    const reply = await sendRequest({
      provider: label,
      method: 'POST',
      url: `${baseUrl}/chat/completions`,
      headers: { ...(key && { Authorization: `Bearer ${key}` }) },
      json: { model, messages: toMessages(request, plan.level), ...plan.fields, ...toFormat(request, plan.level) },
      signal,
    });
    if (reply.status >= 200 && reply.status < 300) {
      plans.set(planKey, plan);
      return readChat(server, reply.json);
    }
    const fault = readFault(reply, server);
    const classified = server.classify(fault);
    const simpler = classified ? null : simplify(plan, fault, changed);
    if (!simpler) {
      const milliseconds = Number(reply.headers['retry-after-ms'] || NaN);
      throw faultError(server, fault, classified, milliseconds >= 0 ? milliseconds : reply.retryAfterMs);
    }
    plan = simpler;
  }
}

function toMessages({ system, history, question, imageJpeg, schema }: LlmRequest, level: Level) {
  const rules = level === 'json_object' ? `${system}\n\nJSON schema of the reply:\n${JSON.stringify(schema)}` : system;
  const picture = imageJpeg && `data:image/jpeg;base64,${imageJpeg.toString('base64')}`;
  return [
    { role: 'system', content: rules },
    ...history.flatMap(({ user, assistant }) => [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ]),
    {
      role: 'user',
      content: picture
        ? [
            { type: 'text', text: question },
            { type: 'image_url', image_url: { url: picture } },
          ]
        : question,
    },
  ];
}

function toFormat({ schema }: LlmRequest, level: Level) {
  if (level === 'plain') return {};
  if (level === 'json_object') return { response_format: { type: 'json_object' } };
  const format = { name: 'shot_suggestion', schema, strict: true };
  return { response_format: { type: 'json_schema', json_schema: format } };
}

const capNames = ['max_tokens', 'max_completion_tokens'];

// One step down: another reply format, or the named parameter renamed or left out, each parameter once.
function simplify({ level, fields }: Plan, { status, param, text }: ApiFault, changed: Set<string>): Plan | null {
  if (status !== 400 && status !== 422) return null;
  const complaint = `${param} ${text}`;
  if (level !== 'plain' && /response_format|json_schema|json mode|structured output/i.test(complaint)) {
    // LM Studio knows json_schema and text, and nothing between.
    const knowsNoObject = /'?json_schema'? or '?text'?/.test(text);
    return { level: level === 'json_schema' && !knowsNoObject ? 'json_object' : 'plain', fields };
  }
  const name = Object.keys(fields).find((field) => param === field || new RegExp(`\\b${field}\\b`).test(text));
  if (name && !changed.has(name)) {
    const { [name]: value, ...others } = fields;
    const otherName = capNames.includes(name) && capNames.find((other) => other !== name && text.includes(other));
    changed.add(name).add(otherName || name);
    return { level, fields: otherName ? { ...others, [otherName]: value } : others };
  }
  return level === 'json_object' ? { level: 'plain', fields } : null;
}

function readChat({ label, model, modelVariable }: ChatServer, json: unknown): LlmReply {
  const reply = parseReply(replyShape, json, label);
  const { message, finish_reason: finish } = reply.choices[0]!;
  if (message.refusal || finish === 'content_filter') {
    throw new AppError('CONTENT_REFUSED', `${label} declined to answer; rephrase the question and try again.`);
  }
  const text = message.content ?? '';
  if (!text.trim() && finish === 'length') {
    const sentence = `${label} spent its token limit on reasoning; try again or set ${modelVariable} to another model.`;
    throw new AppError('PROVIDER_BAD_REPLY', sentence);
  }
  return { text, model: reply.model ?? model };
}
