// What OpenAI-compatible servers answer with status 200: content as text, as parts or as an object, JSON as the
// arguments of a tool call, an unrequested event stream, or an error.

import { z } from 'zod';
import { findReply } from '../prompts/reply-json';
import { withoutThinking } from '../prompts/thoughts';
import type { HttpReply } from '../utils/http';
import { parseReply } from '../utils/parse';
import { readEvents } from './event-stream';
import { isSuccess, readFault, type ApiFault, type Service } from './provider-errors';

/** The first choice of a reply. */
export type ChatAnswer = { text: string; refusal: string; finish: string; model?: string };

const toolCall = z.object({ function: z.object({ arguments: z.unknown().optional() }) });
const messageShape = z.object({
  content: z.union([z.string(), z.array(z.unknown()), z.record(z.string(), z.unknown())]).nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish().catch(undefined),
  function_call: toolCall.shape.function.nullish().catch(undefined),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
});
const choiceShape = z.object({ message: messageShape, finish_reason: z.string().nullish() });
const replyShape = z.object({
  model: z.string().max(200).optional().catch(undefined),
  choices: z.array(choiceShape).min(1),
});
type Message = z.infer<typeof messageShape>;

/** The error in a reply, by its status or in its body; null when it is an answer. */
export function faultOf(reply: HttpReply, service: Service): ApiFault | null {
  if (!isSuccess(reply)) return readFault(reply, service);
  for (const body of bodiesOf(reply)) {
    const choice = choiceOf(body);
    const error = errorIn(body) || choice?.error;
    // A choice that ended in an error has the error text instead of an answer.
    const words = choice?.finish_reason === 'error' && !error && textOf(toObject(choice.message).content);
    const isBareError = !choice && typeof (body.message ?? body.msg) === 'string';
    if (!error && !words && !isBareError) continue;
    const json = error || words ? { error: error || words } : body;
    return readFault({ ...reply, status: statusIn(toObject(error || body)), json }, service);
  }
  return null;
}

/** Reads an answer of any known shape; throws PROVIDER_BAD_REPLY for any other reply. */
export function readAnswer(reply: HttpReply, label: string): ChatAnswer {
  const bodies = bodiesOf(reply);
  const isStream = reply.json === undefined && bodies.length > 0;
  const [body = {}] = bodies;
  const choice = choiceOf(body);
  const json = isStream ? joinEvents(bodies) : { ...body, choices: choice ? [toWholeChoice(choice)] : body.choices };
  const { choices, model } = parseReply(replyShape, json, label);
  const { message, finish_reason: finish } = choices[0]!;
  const text = [textOf(message.content), argumentsOf(message), answerAmongThoughts(message)].find((words) =>
    words.trim(),
  );
  return { text: text ?? '', refusal: message.refusal ?? '', finish: finish ?? '', model };
}

// A relay may wrap the body of the model server under a key of its own.
function bodiesOf({ json, text }: HttpReply): Record<string, unknown>[] {
  const bodies = json === undefined ? readEvents(text) : [toObject(json)];
  return bodies.map((body) => {
    const inner = ['data', 'result', 'output', 'response'].map((name) => toObject(body[name]));
    return inner.find(({ choices }) => Array.isArray(choices)) ?? body;
  });
}

// Ollama's native API has one message and no choices.
function choiceOf({ choices, message, done_reason: finish }: Record<string, unknown>) {
  if (Array.isArray(choices)) return choices.map(toObject)[0];
  return typeof message === 'object' && message !== null ? { message, finish_reason: finish } : undefined;
}

const toWholeChoice = (choice: Record<string, unknown>) => ({ ...choice, message: messageOf(choice) });

const messageOf = ({ message, delta, text }: Record<string, unknown>) =>
  delta ?? message ?? (typeof text === 'string' ? { content: text } : undefined);

// `error`, or the fields that FastAPI, MiniMax and Cloudflare use instead.
function errorIn({ error, detail, base_resp: base, errors }: Record<string, unknown>): unknown {
  const { status_code: code, status_msg: message } = toObject(base);
  const [first] = Array.isArray(errors) ? (errors as unknown[]) : [];
  return error || (typeof detail === 'string' && detail) || (code && { code, message }) || first;
}

// A reasoning parser that misses the end of the reasoning takes the whole answer for reasoning.
function answerAmongThoughts({ reasoning_content: content, reasoning }: Message): string {
  const thought = [content, reasoning].find((words) => typeof words === 'string') ?? '';
  const { message, patch } = findReply(withoutThinking(String(thought))) ?? {};
  const isWhole = /\}\s*(?:```\s*)?$/.test(String(thought)) && typeof message === 'string' && patch !== undefined;
  return isWhole ? JSON.stringify({ message, patch }) : '';
}

// A code such as 429 stands for the HTTP status; without one it is a server error.
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

// Parts of other types are reasoning, which has a text too.
function textOfPart(part: unknown): string {
  if (typeof part === 'string') return part;
  const { type = 'text', text } = toObject(part);
  // The Assistants API has the text one level deeper, next to its annotations.
  const words = typeof text === 'string' ? text : toObject(text).value;
  return typeof words === 'string' && /^(output_)?text$/.test(String(type)) ? words : '';
}

function argumentsOf({ tool_calls: calls, function_call: call }: Message): string {
  const given = calls?.[0]?.function.arguments ?? call?.arguments;
  return typeof given === 'string' ? given : given ? JSON.stringify(given) : '';
}

function joinEvents(events: Record<string, unknown>[]): unknown {
  const joined = { content: '', refusal: '', given: '', thought: '', finish: '', model: '' };
  for (const event of events) {
    const choice = choiceOf(event);
    const delta = messageShape.safeParse(messageOf(choice ?? {}) ?? {}).data;
    const thought = delta?.reasoning_content ?? delta?.reasoning;
    joined.content += textOf(delta?.content);
    joined.thought += typeof thought === 'string' ? thought : '';
    joined.refusal += delta?.refusal ?? '';
    joined.given += delta ? argumentsOf(delta) : '';
    if (typeof choice?.finish_reason === 'string') joined.finish = choice.finish_reason;
    if (typeof event.model === 'string') joined.model = event.model;
  }
  const { content, refusal, given, thought, finish, model } = joined;
  const message = { content, refusal, function_call: { arguments: given }, reasoning_content: thought };
  return { ...(model && { model }), choices: [{ message, finish_reason: finish }] };
}

const toObject = (value: unknown) =>
  (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
