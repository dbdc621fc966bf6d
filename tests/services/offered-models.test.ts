// What /api/options offers is what the product accepts, and what the product accepts is what the vendors take, at the price shown.

import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { priceOf } from '../../src/contract/model-choice';
import type { Choice } from '../../src/generation/model-choice';
import type { VideoModel, VideoProvider } from '../../src/services/provider';
import { startDouble, type StartedDouble } from '../doubles/start-double';
import { canaryKey, makeJob, open } from './video-provider.suite';

type Product = { chooseModel: (form: FormData) => Choice; videoProvider: (name: string) => VideoProvider };

/** The product with a key of every vendor, whose servers are the doubles. */
function loadProduct(doubles: Record<string, StartedDouble>): Product {
  for (const [name, { url }] of Object.entries(doubles)) {
    process.env[`${name.toUpperCase()}_API_KEY`] = canaryKey;
    process.env[`${name.toUpperCase()}_BASE_URL`] = url;
  }
  let product: Partial<Product> = {};
  jest.isolateModules(() => {
    product = {
      ...jest.requireActual<Pick<Product, 'chooseModel'>>('../../src/generation/model-choice'),
      ...jest.requireActual<Pick<Product, 'videoProvider'>>('../../src/services/providers'),
    };
  });
  return product as Product;
}

const soundsOf = ({ audio }: VideoModel) => (audio === 'switch' ? [false, true] : [false]);
const resolutionsOf = ({ resolutions }: VideoModel) => (resolutions.length > 0 ? resolutions : ['']);

const endsOf = ({ end_image: takesEnd, end_image_elsewhere: takesItElsewhere }: VideoModel): FormData['end'][] =>
  takesEnd || takesItElsewhere ? ['none', 'image'] : ['none'];

/** Every ratio and every length, each with every resolution, with and without sound, with and without an end frame. */
function combinationsOf(model: VideoModel): Partial<FormData>[] {
  const { durations_s: durations, aspect_ratios: ratios } = model;
  const shapes = [
    ...ratios.map((aspect_ratio) => ({ aspect_ratio, duration_s: durations[0]! })),
    ...durations.slice(1).map((duration_s) => ({ aspect_ratio: ratios[0]!, duration_s })),
  ];
  return shapes
    .flatMap((shape) => resolutionsOf(model).map((resolution) => ({ ...shape, resolution })))
    .flatMap((form) => soundsOf(model).map((audio) => ({ ...form, audio })))
    .flatMap((form) => endsOf(model).map((end) => ({ ...form, end })));
}

const words = { prompt: 'The lighthouse lamp turns.', negative_prompt: 'blur', seed: 7 };

describe.each(['runway', 'kling', 'pika'] as const)('what %s is offered for', (name) => {
  let double: StartedDouble;
  let product: Product;
  let provider: VideoProvider;

  beforeAll(async () => {
    double = await startDouble(name);
    product = loadProduct({ [name]: double });
    provider = product.videoProvider(name);
  });
  afterAll(() => double.stop());
  beforeEach(() => double.reset());

  const formOf = (model: VideoModel, changes: Partial<FormData>): FormData => ({
    ...emptyForm,
    ...words,
    provider: name,
    model: model.id,
    duration_s: model.durations_s[0]!,
    aspect_ratio: model.aspect_ratios[0]!,
    ...changes,
  });

  /** What the product says to a form: what it would send, or which field it refuses. */
  function choose(form: FormData): { choice: Choice } | { refused: string | undefined } {
    try {
      return { choice: product.chooseModel(form) };
    } catch (error) {
      return { refused: (error as { details?: { path: string }[] }).details?.[0]?.path };
    }
  }

  test(`every model, length, ratio, resolution, sound and end frame that is offered for ${name} is taken, at the price that is shown`, async () => {
    const shown: (number | undefined)[] = [];
    const ends: FormData['end'][] = [];
    for (const model of provider.models) {
      for (const combination of combinationsOf(model)) {
        const form = formOf(model, combination);
        const chosen = choose(form);
        if ('choice' in chosen) {
          const submitted = await provider.submit(await makeJob(provider, form), open());
          expect([combination, submitted]).toMatchObject([combination, { state: 'accepted' }]);
          shown.push(priceOf(model, form)?.micros);
          ends.push(form.end);
        } else {
          // The options have no rules between two fields.
          expect([form, chosen.refused]).toEqual([form, `form_data.${model.fault?.(form)?.field}`]);
        }
      }
    }
    const billed = (await double.billed()).map(({ price_micros: price }) => price);
    const isAlike = (price: number, index: number) =>
      price === shown[index] || (ends[index] === 'image' && price < shown[index]!);
    // Pika's frames cost less than the shortest clip of its model at 1080p, never more.
    expect(billed.map((price, index) => (isAlike(price, index) ? shown[index] : price))).toEqual(shown);
    expect(shown.length).toBeGreaterThan(10);
    expect((await double.pictures()).map(({ last }) => (last ? 'image' : 'none'))).toEqual(ends);
    expect(ends).toContain('image');
  }, 120_000);

  test(`nothing outside of what is offered for ${name} leaves the product, and the field is named`, () => {
    for (const model of provider.models) {
      const outside: [keyof FormData, Partial<FormData>][] = [
        ['duration_s', { duration_s: Math.max(...model.durations_s) + 1 }],
        ['duration_s', { duration_s: Math.min(...model.durations_s) - 1 }],
        ['resolution', { resolution: '8k' }],
        ['prompt', { prompt: 'p'.repeat(model.prompt_max + 1) }],
        ['model', { model: `${model.id}-9` }],
      ];
      if (!model.aspect_ratios.includes('21:9')) outside.push(['aspect_ratio', { aspect_ratio: '21:9' }]);
      if (model.audio === 'never') outside.push(['audio', { audio: true }]);
      if (!endsOf(model).includes('image')) outside.push(['end', { end: 'image' }], ['end', { end: 'next' }]);
      if (model.prompt_required) outside.push(['prompt', { prompt: ' ' }]);
      for (const [field, changes] of outside) {
        const said = choose(formOf(model, changes));
        expect([model.id, field, said]).toEqual([model.id, field, { refused: `form_data.${field}` }]);
      }
    }
  });
});
