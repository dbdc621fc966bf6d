import type { FormData } from '../../contract/form';
import { faultsOf, resolutionOf } from '../../contract/model-choice';
import type { ModelOption } from '../../contract/options';
import type { Translate } from '../i18n';
import { chosenModel, formFaults, type Fault } from '../state/providers';
import type { AppState } from '../state/store';

/** A change of a form after which a fault of it is gone. */
type Way = { label: string; change: Partial<FormData> };

/** The shortest ways out of what a form lacks, or of what one field of it lacks. */
export function waysOut(
  text: Translate,
  state: Pick<AppState, 'options'>,
  form: FormData,
  field?: keyof FormData,
): Way[] {
  const model = chosenModel(state, form);
  if (!model) return [];
  const ways = formFaults(state, form)
    .filter((fault) => !field || fault.field === field)
    .flatMap((fault) => waysOf(text, model, form, fault));
  return [...new Map(ways.map((way) => [way.label, way])).values()];
}

function waysOf(text: Translate, model: ModelOption, form: FormData, fault: Fault): Way[] {
  const { field, other } = fault;
  const isGone = (change: Partial<FormData>) =>
    faultsOf(model, { ...form, ...change }).every((left) => left.field !== field);
  const use = (value: string) => text('way.use', { value });
  const ways: Way[] = [];

  const duration = nearest(model.durations_s, form.duration_s, Number);
  if (field === 'duration_s' && duration !== undefined) {
    ways.push({ label: use(text('common.seconds', { count: duration })), change: { duration_s: duration } });
  }
  const ratio = nearest(model.aspect_ratios, shapeOf(form.aspect_ratio), shapeOf);
  if (field === 'aspect_ratio' && ratio) ways.push({ label: use(ratio), change: { aspect_ratio: ratio } });
  if (field === 'resolution' || field === 'audio') {
    const able = model.resolutions.filter((resolution) => isGone({ resolution }));
    const resolution = nearest(able, linesOf(resolutionOf(model, form) ?? ''), linesOf);
    if (resolution) ways.push({ label: use(resolution), change: { resolution } });
    else if (field === 'resolution') ways.push({ label: text('way.ownResolution'), change: { resolution: '' } });
    if (form.audio) ways.push({ label: text('way.soundOff'), change: { audio: false } });
  }
  if (field === 'end') ways.push({ label: text('way.endNothing'), change: { end: 'none' } });
  if (other) ways.push({ label: use(other), change: { model: other } });
  return ways.filter(({ change }) => change.model !== undefined || isGone(change));
}

/** The offered value that is next to the wanted number, the larger of two. */
function nearest<Value>(offered: readonly Value[], wanted: number, sizeOf: (value: Value) => number) {
  const distance = (value: Value) => Math.abs(sizeOf(value) - wanted);
  return offered.toSorted((a, b) => distance(a) - distance(b) || sizeOf(b) - sizeOf(a))[0];
}

function shapeOf(ratio: string): number {
  const [width, height] = ratio.split(':').map(Number);
  return Math.log(width! / height!);
}

const linesOf = (resolution: string): number => parseInt(resolution) * (/k$/i.test(resolution) ? 540 : 1);
