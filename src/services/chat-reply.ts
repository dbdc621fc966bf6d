// What servers of the OpenAI shape answer with status 200: content as text, as parts or as an object, JSON as the
// arguments of a tool call, an event stream though none was asked for, or an error after all.

import { z } from 'zod';
import type { HttpReply } from '../utils/http';
import { parseReply } from '../utils/parse';
import { readEvents } from './event-stream';
import { isSuccess, readFault, type ApiFault, type Service } from './provider-errors';

/** The first choice of an answer. */
export type ChatAnswer = { text: string; refusal: string; finish: string; model?: string };

const toolCall = z.object({ function: z.object({ arguments: z.unknown() }) });
const messageShape = z.object({
  content: z.union([z.string(), z.array(z.unknown()), z.record(z.string(), z.unknown())]).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish().catch(undefined),
  function_call: toolCall.shape.function.nullish().catch(undefined),
});
const choiceShape = z.object({ message: messageShape, finish_reason: z.string().nullish() });
const replyShape = z.object({
  model: z.string().max(200).optional().catch(undefined),
  choices: z.array(choiceShape).min(1),
});
type Message = z.infer<typeof messageShape>;

/** The fault that a reply tells of, by its status or in its body; null when it is an answer. */
export function faultOf(reply: HttpReply, service: Service): ApiFault | null {
  if (!isSuccess(reply)) return readFault(reply, service);
  const bodies = [reply.json, ...(reply.json === undefined ? readEvents(reply.text) : [])];
  for (const body of bodies.map(toObject)) {
    const [choice] = Array.isArray(body.choices) ? body.choices.map(toObject) : [];
    const error = body.error || choice?.error;
    // A choice that ended in an error has its words where the answer would be.
    const words = choice?.finish_reason === 'error' && !error && textOf(toObject(choice.message).content);
    const isBareError = !choice && typeof (body.message ?? body.msg) === 'string';
    if (!error && !words && !isBareError) continue;
    const json = error || words ? { error: error || words } : body;
    return readFault({ ...reply, status: statusIn(toObject(error || body)), json }, service);
  }
  return null;
}

/** Reads an answer of any shape; throws PROVIDER_BAD_REPLY for what is none. */
export function readAnswer(reply: HttpReply, label: string): ChatAnswer {
  const events = reply.json === undefined ? readEvents(reply.text) : [];
  const { choices, model } = parseReply(replyShape, events.length > 0 ? joinEvents(events) : reply.json, label);
  const { message, finish_reason: finish } = choices[0]!;
  const content = textOf(message.content);
  const text = content.trim() ? content : argumentsOf(message);
  return { text, refusal: message.refusal ?? '', finish: finish ?? '', model };
}

// Numbers such as 429 stand for the status that was not sent; without one the server is at fault.
function statusIn({ code, status, status_code: statusCode, type }: Record<string, unknown>): number {
  const number = [code, status, statusCode].map(Number).find((value) => value >= 400 && value < 600);
  return number ?? (type === 'invalid_request_error' ? 400 : 500);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map(textOfPart).join('');
  if (typeof content !== 'object' || content === null) return '';
  return textOfPart(content) || JSON.stringify(content);
}

// Parts of another type are thoughts, which have a text too.
function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part;
  const { type = 'text', text } = toObject(part);
  return typeof text === 'string' && /^(output_)?text$/.test(String(type)) ? text : '';
}

function argumentsOf({ tool_calls: calls, function_call: call }: Message): string {
  const given = calls?.[0]?.function.arguments ?? call?.arguments;
  return typeof given === 'string' ? given : given ? JSON.stringify(given) : '';
}

function joinEvents(events: Record<string, unknown>[]): unknown {
  const joined = { content: '', refusal: '', given: '', finish: '', model: '' };
  for (const event of events) {
    const [choice] = Array.isArray(event.choices) ? event.choices.map(toObject) : [];
    const delta = messageShape.safeParse(choice?.delta ?? choice?.message ?? {}).data;
    joined.content += textOf(delta?.content);
    joined.refusal += delta?.refusal ?? '';
    joined.given += delta ? argumentsOf(delta) : '';
    if (typeof choice?.finish_reason === 'string') joined.finish = choice.finish_reason;
    if (typeof event.model === 'string') joined.model = event.model;
  }
  const { content, refusal, given, finish, model } = joined;
  const message = { content, refusal, function_call: { arguments: given } };
  return { ...(model && { model }), choices: [{ message, finish_reason: finish }] };
}

const toObject = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
