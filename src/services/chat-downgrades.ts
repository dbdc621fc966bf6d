// What a request to an OpenAI-compatible server can leave out: the JSON schema, then JSON mode, optional fields, the
// system role (Gemma has none), and the picture; and the few fields that a server may require.

import type { ApiFault } from './provider-errors';
import { complaintOf, isTooLong, type BasePlan, type Downgrades } from './downgrade';

/** The form of a request to one server and model. */
export type ChatPlan = BasePlan & {
  level: 'json_schema' | 'json_object' | 'plain';
  /** Fields beside model, messages and response_format. */
  fields: Record<string, unknown>;
  /** False where the rules must go into the first user turn. */
  systemRole: boolean;
};

const levels: ChatPlan['level'][] = ['json_schema', 'json_object', 'plain'];
const capNames = ['max_tokens', 'max_completion_tokens'];

const formatWords =
  /response.?format|json[ _-]?(schema|object|mode)|structured[ _-]?output|grammar|guided[ _-]?(json|decoding)/i;
const systemWords =
  /system (role|message|prompt)s?\b.{0,40}(not |un)support|unsupported.{0,20}\brole|roles? must alternate|only user.{0,20}assistant.{0,20}roles|developer instruction|(unexpected|unknown|invalid) role\W{0,3}system|start with a user (message|turn)|system.{0,20}不支持|不支持.{0,20}system/i;

// DashScope models reason by default, and some only stream; event streams are always read.
const requiredFields: [words: RegExp, fields: Record<string, boolean>][] = [
  [/enable_thinking\W.{0,40}\bfalse\b/i, { enable_thinking: false }],
  [
    /\bonly supports? (the )?stream|stream\W{1,3}(parameter )?(must|should|needs? to) be (set to )?(true|enabled)|enable the stream|non-?stream\w*( \w+)? (is|are) not supported|仅支持流式|只支持流式/i,
    { stream: true },
  ],
];

/** The steps for one request; each field is renamed or left out at most once. */
export function chatDowngrades(model: string): Downgrades<ChatPlan> {
  const changed = new Set<string>();

  function named({ level, fields, systemRole }: ChatPlan, fault: ApiFault) {
    const complaint = complaintOf(fault, model);
    if (level !== 'plain' && formatWords.test(complaint)) {
      // LM Studio supports json_schema and text, but no JSON mode.
      const lacksJsonMode = /'?json_schema'? or '?text'?/.test(complaint);
      return lowerTo(level === 'json_schema' && !lacksJsonMode ? 'json_object' : 'plain');
    }
    const required = requiredFields.flatMap(([words, entries]) =>
      words.test(complaint) ? Object.entries(entries) : [],
    );
    const missing = required.filter(([name, value]) => fields[name] !== value && !changed.has(name));
    if (missing.length > 0) {
      return (plan: ChatPlan) => ({ ...plan, fields: { ...plan.fields, ...Object.fromEntries(missing) } });
    }
    if (systemRole && systemWords.test(complaint)) return (plan: ChatPlan) => ({ ...plan, systemRole: false });
    // A token limit as large as the whole context leaves no room for the question.
    if (isTooLong(complaint) && capNames.some((name) => name in fields)) return withoutFields(capNames);
    const name = Object.keys(fields).find(
      (field) => fault.param === field || new RegExp(`\\b${field}\\b`).test(complaint),
    );
    if (!name || changed.has(name)) return null;
    const otherName = capNames.includes(name) && capNames.find((other) => other !== name && complaint.includes(other));
    changed.add(name).add(otherName || name);
    return otherName ? withFieldRenamed(name, otherName) : withoutFields([name]);
  }

  function unnamed(plan: ChatPlan): ChatPlan[] {
    const object: ChatPlan[] = plan.level === 'json_schema' ? [{ ...plan, level: 'json_object' }] : [];
    const isBare = plan.level === 'plain' && Object.keys(plan.fields).length === 0;
    return isBare ? [] : [...object, { ...plan, level: 'plain', fields: {} }];
  }

  return { named, unnamed };
}

const lowerTo = (level: ChatPlan['level']) => (plan: ChatPlan) => ({
  ...plan,
  level: levels[Math.max(levels.indexOf(plan.level), levels.indexOf(level))]!,
});

const withoutFields = (names: string[]) => (plan: ChatPlan) => ({
  ...plan,
  fields: Object.fromEntries(Object.entries(plan.fields).filter(([name]) => !names.includes(name))),
});

const withFieldRenamed = (from: string, to: string) => (plan: ChatPlan) => ({
  ...plan,
  fields: Object.fromEntries(Object.entries(plan.fields).map(([name, value]) => [name === from ? to : name, value])),
});
