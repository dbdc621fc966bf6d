// Model servers report what they do not support in their own words, or not at all. The request is then repeated in a simpler
// form: without what the error names, or step by step if it names nothing. The form that worked is remembered.

import type { LlmRequest } from '../prompts/suggestion';
import type { ApiFault } from './provider-errors';

/** The form of a request; each kind of server adds what it can leave out. */
export type BasePlan = { image: boolean };

type Change<Plan> = (plan: Plan) => Plan;

/** How the request to a kind of server is simplified. */
export type Downgrades<Plan> = {
  /** The change that a fault asks for; null when it names nothing that can be left out. */
  named: (plan: Plan, fault: ApiFault) => Change<Plan> | null;
  /** The plans to try, in order, after a fault that names nothing. */
  unnamed: (plan: Plan) => Plan[];
};

const maxRequests = 8;
// 401, 402, 403, 413 and 429 are about the account or the size. A 404 or 500 counts only if it names what is not supported.
const namedStatuses = [400, 404, 415, 422, 500, 501];
const unnamedStatuses = [400, 415, 422];

const imageWords =
  /image|vision|visual|multi-?modal|picture|mmproj|\bvlm\b|text-only|only supports? text|图片|图像|视觉|多模态|invalid type: sequence|untagged enum \w*content|(must|should) be a (valid )?string|expected a string/i;
const thisImageWords =
  /corrupt|decod|base64|dimension|pixels|too (large|big|small)|image (size|format)|unsupportedimageformat|invalid[ _]image\b|failed to (load|process|parse|download|open) (the )?image|图片.{0,6}(解析|格式|大小|尺寸)/i;
const lengthWords =
  /context[ _](length|window|size)|maximum (context|model|input|sequence)|max_model_len|max_seq_len|n_ctx|is too large|prompt is too long|reduce the length|input length/i;

/** The text of a fault, without a proxy's HTML page and without the model name, which may contain words such as "vision". */
export function complaintOf({ param, codes, text }: ApiFault, model: string): string {
  const words = /^\s*<(!doctype|html|head|body)\b/i.test(text) ? '' : text;
  return `${param} ${codes.join(' ')} ${words}`.replaceAll(model, '');
}

/** Whether the question, or its token limit, exceeds the model's context. */
export const isTooLong = (complaint: string): boolean => lengthWords.test(complaint);

/** The steps of one request: `plan` is the form to send now, `lasting` the form to remember once it is answered. */
export function createDowngrade<Plan extends BasePlan>(
  first: Plan,
  downgrades: Downgrades<Plan>,
  { imageJpeg }: LlmRequest,
  model: string,
) {
  let plan = first;
  let requests = 1;
  let queue: Plan[] | undefined;
  let isOneImage = false;
  const withoutImage = (from: Plan): Plan => ({ ...from, image: false });

  function named(fault: ApiFault): Change<Plan> | null {
    const change = downgrades.named(plan, fault);
    const complaint = complaintOf(fault, model);
    if (change || !imageJpeg || !plan.image || !imageWords.test(complaint)) return change;
    isOneImage = thisImageWords.test(complaint);
    return withoutImage;
  }

  // The full form without the picture is tried before dropping both, so that a text-only model keeps its schema.
  function unnamed(from: Plan): Plan[] {
    const simpler = downgrades.unnamed(from);
    if (!imageJpeg || !from.image) return simpler;
    return [...simpler, withoutImage(from), ...simpler.slice(-1).map(withoutImage)];
  }

  return {
    get plan() {
      return plan;
    },
    get lasting() {
      return isOneImage ? { ...plan, image: first.image } : plan;
    },
    /** Takes the next step for the fault; false when there is none. */
    stepDown(fault: ApiFault): boolean {
      if (requests >= maxRequests || !namedStatuses.includes(fault.status)) return false;
      requests += 1;
      const change = named(fault);
      if (change) {
        plan = change(plan);
        queue = queue?.map(change);
        return true;
      }
      if (!unnamedStatuses.includes(fault.status) || isTooLong(complaintOf(fault, model))) return false;
      queue ??= unnamed(plan);
      const next = queue.shift();
      plan = next ?? plan;
      return next !== undefined;
    },
  };
}
