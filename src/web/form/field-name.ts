import { wholeClip } from '../../contract/defaults';
import type { FormData } from '../../contract/form';
import type { Cut } from '../../contract/workspace';

export type FieldName = keyof FormData | keyof Cut;

/** A field of a shot by its dotted key, such as form_data.prompt. */
export type FieldKey = `form_data.${keyof FormData}` | `cut.${keyof Cut}`;

/** Whether a field is about the place of a shot in the film, not about its generation. */
export const isOfCut = (name: FieldName): name is keyof Cut => name in wholeClip;

export const keyOf = (name: keyof FormData | keyof Cut): FieldKey =>
  isOfCut(name) ? `cut.${name}` : `form_data.${name}`;
