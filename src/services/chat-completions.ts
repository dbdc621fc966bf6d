// What all OpenAI-compatible servers share, OpenAI's and local ones:
// POST {base}/chat/completions {model, messages, response_format, ...fields} ->
// {model, choices: [{message: {content, refusal}, finish_reason}]} (chat-reply.ts has the other shapes), or an error body
// that provider-errors.ts reads. What a server does not support is left out (chat-downgrades.ts).

import { config } from '../config';
import { withoutImage, type LlmReply, type LlmRequest } from '../prompts/suggestion';
import { AppError } from '../utils/errors';
import { maxLlmReplyBytes, sendRequest, type HttpReply } from '../utils/http';
import { logger } from '../utils/logger';
import { faultOf, readAnswer } from './chat-reply';
import { chatDowngrades, type ChatPlan } from './chat-downgrades';
import { complaintOf, createDowngrade, isTooLong } from './downgrade';
import { faultError, type ApiFault, type Classification, type Service } from './provider-errors';

/** One server and what is specific to it. */
export type ChatServer = Required<Omit<Service, 'key'>> & {
  key?: string;
  baseUrl: string;
  /** Fields beside model, messages and response_format. */
  fields: Record<string, unknown>;
  /** What the server's own error codes mean; undefined leaves it to the HTTP status. */
  classify: (fault: ApiFault) => Classification | undefined;
};

// What a server and its model support, as learned so far, by base URL and model.
const plans = new Map<string, ChatPlan>();

/** Asks once; repeats only to leave out what the server does not support, and remembers that. */
export async function chat(server: ChatServer, request: LlmRequest, signal: AbortSignal): Promise<LlmReply> {
  const { label, model, baseUrl } = server;
  const planKey = `${baseUrl} ${model}`;
  const fullPlan: ChatPlan = { level: 'json_schema', fields: server.fields, systemRole: true, image: true };
  const downgrade = createDowngrade(plans.get(planKey) ?? fullPlan, chatDowngrades(model), request, model);
  for (;;) {
    const { plan } = downgrade;
    const reply = await post(server, request, plan, signal);
    const fault = faultOf(reply, server);
    if (!fault) {
      const answer = readChat(server, reply);
      plans.set(planKey, downgrade.lasting);
      return request.imageJpeg && !plan.image ? { ...answer, isImageUnseen: true } : answer;
    }
    const classified = server.classify(fault) ?? classifyByWords(fault, model);
    if (classified || !downgrade.stepDown(fault)) throw toError(server, reply, fault, classified);
    const { level, fields, systemRole, image } = downgrade.plan;
    const simpler = { level, fields: Object.keys(fields), system_role: systemRole, image };
    logger.info('request simplified for model', { provider: label, model, status: fault.status, ...simpler });
  }
}

function post(server: ChatServer, request: LlmRequest, plan: ChatPlan, signal: AbortSignal): Promise<HttpReply> {
  const { label, key, model, baseUrl } = server;
  return sendRequest({
    provider: label,
    method: 'POST',
    url: `${baseUrl}/chat/completions`,
    headers: { ...(key && { Authorization: `Bearer ${key}` }) },
    json: {
      model,
      messages: toMessages(plan.image ? request : withoutImage(request), plan),
      ...plan.fields,
      ...toFormat(request, plan),
    },
    signal,
    deadlineMs: config.LLM_TIMEOUT_MS,
    maxReplyBytes: maxLlmReplyBytes,
  });
}

type Turn = { role: 'system' | 'user' | 'assistant'; content: string | Record<string, unknown>[] };

function toMessages({ system, history, question, imageJpeg, schema }: LlmRequest, plan: ChatPlan): Turn[] {
  const needsSchemaInPrompt = plan.level === 'json_object';
  const rules = needsSchemaInPrompt ? `${system}\n\nJSON schema of the reply:\n${JSON.stringify(schema)}` : system;
  // Without a system role, the rules open the first user turn.
  const [opening, beginning] = plan.systemRole
    ? ['', [{ role: 'system', content: rules } as const]]
    : [`${rules}\n\n`, []];
  const texts = [...history.flatMap(({ user, assistant }) => [user, assistant]), question];
  texts[0] = opening + texts[0];
  const turns = texts.map((content, index): Turn => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }));
  if (!imageJpeg) return [...beginning, ...turns];
  const url = `data:image/jpeg;base64,${imageJpeg.toString('base64')}`;
  const parts = [
    { type: 'text', text: texts.at(-1) },
    { type: 'image_url', image_url: { url } },
  ];
  return [...beginning, ...turns.slice(0, -1), { role: 'user', content: parts }];
}

function toFormat({ schema }: LlmRequest, { level }: ChatPlan) {
  if (level === 'plain') return {};
  if (level === 'json_object') return { response_format: { type: 'json_object' } };
  const format = { name: 'shot_suggestion', schema, strict: true };
  return { response_format: { type: 'json_schema', json_schema: format } };
}

// Some servers answer 400, or an error without a status, where others have a status or code of their own.
function classifyByWords({ status, text }: ApiFault, model: string): Classification | undefined {
  if (![400, 404, 422, 500].includes(status)) return undefined;
  if (
    /\bmodel\b.{0,60}(does not exist|not exist|not found)|unknown model|模型不存在/i.test(text.replaceAll(model, ''))
  ) {
    return ['PROVIDER_NOT_CONFIGURED'];
  }
  if (/insufficient.{0,9}(balance|credit|quota|funds)|余额不足|欠费/i.test(text)) return ['PROVIDER_QUOTA'];
  return /(invalid|incorrect|wrong|missing).{0,20}api.?key|api.?key.{0,20}(invalid|not valid|incorrect)/i.test(text)
    ? ['PROVIDER_AUTH']
    : undefined;
}

function toError(server: ChatServer, reply: HttpReply, fault: ApiFault, classified: Classification | undefined) {
  const { model, modelVariable } = server;
  const isClientFault = fault.status === 400 || fault.status === 422;
  const tooLong: Classification | undefined =
    isClientFault && isTooLong(complaintOf(fault, model))
      ? [
          'PROVIDER_FAILED',
          `The question with its picture and history is too long for ${model}; set ${modelVariable} to another model.`,
        ]
      : undefined;
  const milliseconds = Number(reply.headers['retry-after-ms'] || NaN);
  const retryAfterMs = milliseconds >= 0 ? milliseconds : reply.retryAfterMs;
  return faultError(server, fault, classified ?? tooLong, retryAfterMs);
}

function readChat({ label, model, modelVariable }: ChatServer, reply: HttpReply): LlmReply {
  const { text, refusal, finish, model: answering } = readAnswer(reply, label);
  if (refusal || finish === 'content_filter') {
    throw new AppError('CONTENT_REFUSED', `${label} declined to answer; rephrase the question and try again.`);
  }
  if (!text.trim() && finish === 'length') {
    const sentence = `${label} spent its token limit on reasoning; try again or set ${modelVariable} to another model.`;
    throw new AppError('PROVIDER_BAD_REPLY', sentence);
  }
  return { text, model: answering ?? model };
}
