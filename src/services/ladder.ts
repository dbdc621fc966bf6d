// What a model server does not understand it says in words of its own, or in none. A question is then asked again in a
// simpler form: without what was named, or, where nothing is named, step by step. What worked is remembered.

import type { LlmRequest } from '../prompts/suggestion';
import type { ApiFault } from './provider-errors';

/** How a question is asked; every kind of server adds what it may leave out. */
export type LadderPlan = { picture: boolean };

type Change<Plan> = (plan: Plan) => Plan;

/** What a kind of server may leave out of a question. */
export type Steps<Plan> = {
  /** What answers the words of a fault; null when they name nothing that can be left out. */
  named: (plan: Plan, fault: ApiFault) => Change<Plan> | null;
  /** The plans to try in turn after a fault that names nothing. */
  unnamed: (plan: Plan) => Plan[];
};

const maxRequests = 8;
// 401, 402, 403, 413 and 429 are about the account or the size; a 404 or 500 must say what it does not know.
const namedStatuses = [400, 404, 415, 422, 500, 501];
const unnamedStatuses = [400, 415, 422];

const pictureWords =
  /image|vision|visual|multi-?modal|picture|mmproj|\bvlm\b|text-only|only supports? text|图片|图像|视觉|多模态|invalid type: sequence|untagged enum \w*content|(must|should) be a (valid )?string|expected a string/i;
const thisPictureWords =
  /corrupt|decod|base64|dimension|pixels|too (large|big|small)|image (size|format)|unsupportedimageformat|invalid[ _]image\b|failed to (load|process|parse|download|open) (the )?image|图片.{0,6}(解析|格式|大小|尺寸)/i;
const lengthWords =
  /context[ _](length|window|size)|maximum (context|model|input|sequence)|max_model_len|max_seq_len|n_ctx|is too large|prompt is too long|reduce the length|input length/i;

/** What a fault says: not the page of a proxy, nor the name of the model, which may hold words such as "vision". */
export function complaintOf({ param, codes, text }: ApiFault, model: string): string {
  const words = /^\s*<(!doctype|html|head|body)\b/i.test(text) ? '' : text;
  return `${param} ${codes.join(' ')} ${words}`.replaceAll(model, '');
}

/** Whether the question, or the room that it asks for, is larger than the model's context. */
export const isTooLong = (complaint: string): boolean => lengthWords.test(complaint);

/** A question on its way down: `plan` is how to ask now, `lasting` what to remember once it was answered. */
export function createLadder<Plan extends LadderPlan>(
  first: Plan,
  steps: Steps<Plan>,
  { imageJpeg }: LlmRequest,
  model: string,
) {
  let plan = first;
  let requests = 1;
  let queue: Plan[] | undefined;
  let isOnePicture = false;
  const withoutPicture = (from: Plan): Plan => ({ ...from, picture: false });

  function named(fault: ApiFault): Change<Plan> | null {
    const change = steps.named(plan, fault);
    const complaint = complaintOf(fault, model);
    if (change || !imageJpeg || !plan.picture || !pictureWords.test(complaint)) return change;
    isOnePicture = thisPictureWords.test(complaint);
    return withoutPicture;
  }

  // The full form without the picture comes before both are given up, so that a text-only model keeps its schema.
  function unnamed(from: Plan): Plan[] {
    const simpler = steps.unnamed(from);
    if (!imageJpeg || !from.picture) return simpler;
    return [...simpler, withoutPicture(from), ...simpler.slice(-1).map(withoutPicture)];
  }

  return {
    get plan() {
      return plan;
    },
    get lasting() {
      return isOnePicture ? { ...plan, picture: first.picture } : plan;
    },
    /** Takes the next step that answers the fault; false when there is none. */
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
