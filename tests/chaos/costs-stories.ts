import type { FormData } from '../../src/contract/form';
import type { ModelOption, Options } from '../../src/contract/options';
import type { Fate, Rule } from '../doubles/double';
import { vendors, wire, type Vendor } from '../helpers/generating';

/** How often each kind of outcome is drawn. */
const weights = {
  ends: 30,
  refused: 6,
  'not accepted at first': 4,
  'answer lost': 14,
  'answer lost, nothing made': 4,
  late: 8,
  'cancelled early': 8,
  cancelled: 10,
  'shot deleted': 8,
  'film deleted': 6,
  forgotten: 2,
} as const;
type Kind = keyof typeof weights;

/** Kinds that leave unclear what was charged, so that a user may click again and accept a second charge. */
const replaceable: Kind[] = ['answer lost', 'answer lost, nothing made', 'late', 'cancelled early', 'cancelled'];
const replacedShare = 0.5;

/** One click, and what its vendor does with its create; `mark` is a part of its prompt like no other. */
export type Plan = { mark: string; request_id: string; rules: Rule[] };

/** One outcome: a shot, what happens to it, and the click that replaces the first one. */
export type Story = {
  vendor: Vendor;
  kind: Kind;
  /** How far into the generation it happens, from 0 to 1. */
  moment: number;
  form: Partial<FormData>;
  first: Plan;
  second: Plan | null;
};

/** After that an accepted task counts as failed for the user. */
export const timeoutMs = 4000;
const tooLongMs = 30_000;
/** How long such tasks run. */
const runningMs = { late: timeoutMs + 1500, deleted: 1200, forgotten: 2500 };

/** Refusals after which no task was made, as each vendor says them. */
const refusals: Record<Vendor, Partial<Rule>> = {
  runway: { status: 400, body: { error: 'Validation of body failed' } },
  pika: { status: 422, body: { message: 'image: could not be fetched' } },
  kling: { status: 400, body: { code: 1301, message: 'the content was refused' } },
};
const busy: Record<Vendor, Partial<Rule>> = {
  runway: { status: 429, body: { error: 'Too many requests' } },
  pika: { status: 429, body: { message: 'Too many requests' } },
  kling: { status: 429, body: { code: 1302, message: 'Too many requests' } },
};

/** Draws stories, the same for the same numbers. */
export function drawStories(count: number, random: () => number, { video_providers: providers }: Options): Story[] {
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!;
  const models = (vendor: Vendor) => providers.find(({ name }) => name === vendor)!.models;
  return Array.from({ length: count }, (_, index) => draw(index));

  function draw(index: number): Story {
    const vendor = vendors[index % vendors.length]!;
    const kind = drawKind();
    const isReplaced = replaceable.includes(kind) && random() < replacedShare;
    const first = planOf(`lamp ${index}-1,`, vendor, kind);
    const second = isReplaced ? planOf(`lamp ${index}-2,`, vendor, pick(['ends', 'answer lost'])) : null;
    return { vendor, kind, moment: random(), form: drawForm(vendor, pick(models(vendor))), first, second };
  }

  function drawKind(): Kind {
    const kinds = Object.entries(weights) as [Kind, number][];
    let left = random() * kinds.reduce((sum, [, weight]) => sum + weight, 0);
    return kinds.find(([, weight]) => (left -= weight) < 0)![0];
  }

  function drawForm(vendor: Vendor, model: ModelOption): Partial<FormData> {
    const audio = model.audio === 'switch' && random() < 0.5;
    const resolution = random() < 0.3 ? '' : pick(['', ...model.resolutions]);
    const size = { duration_s: pick(model.durations_s), aspect_ratio: pick(model.aspect_ratios) };
    // With sound, kling-2.6 has this resolution only.
    const isOnlyLarge = model.id === 'kling-2.6' && audio;
    return { provider: vendor, model: model.id, resolution: isOnlyLarge ? '1080p' : resolution, audio, ...size };
  }

  function planOf(mark: string, vendor: Vendor, kind: Kind): Plan {
    const rule = { match: wire[vendor].create, body_has: mark };
    const task = { ...rule, task: drawFate(vendor, kind) };
    return { mark, request_id: mark.replace(/\W/g, '-'), rules: rulesOf() };

    function rulesOf(): Rule[] {
      switch (kind) {
        case 'refused':
          return [{ ...rule, ...refusals[vendor] }];
        case 'not accepted at first':
          return [{ ...rule, ...busy[vendor], times: 1 }, task];
        case 'answer lost':
          return [{ ...task, accept_then_die: true, times: 1 }, task];
        case 'answer lost, nothing made':
          return [{ ...rule, status: 500, body: 'error', times: 1 }, task];
        default:
          return [task];
      }
    }
  }

  function drawFate(vendor: Vendor, kind: Kind): Partial<Fate> {
    if (kind === 'forgotten') return { ends: 'completed', running_ms: runningMs.forgotten };
    // What is cancelled is billed or not, and would go on for longer than anybody waits; Kling cannot cancel.
    if (kind === 'cancelled' && vendor !== 'kling') {
      return { ends: 'completed', charges: pick(['completed', 'all']), running_ms: tooLongMs };
    }
    const fate = drawEnd(vendor);
    if (kind === 'late') return { ...fate, running_ms: runningMs.late };
    if (kind === 'shot deleted' || kind === 'film deleted') return { ...fate, running_ms: runningMs.deleted };
    return kind === 'cancelled' ? { ...fate, running_ms: runningMs.forgotten } : fate;
  }

  function drawEnd(vendor: Vendor): Partial<Fate> {
    const told = pick(['told', 'told', 'missing', 'damaged'] as const);
    if (random() < 0.6) {
      // A price that is not that of the list is known by its bill only.
      const charges = told === 'told' ? pick(['completed', 'half', 'none'] as const) : 'completed';
      return { ends: 'completed', charges, bills: told };
    }
    const isCharged = random() < 0.5;
    // Pika promises that a failed job costs nothing, unless its bill says otherwise.
    const bills = isCharged && vendor === 'pika' ? 'told' : told;
    return { ends: 'failed', charges: isCharged ? 'all' : 'completed', bills };
  }
}
