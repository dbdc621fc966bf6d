import { emptyForm } from '../../../src/contract/defaults';
import type { FormData } from '../../../src/contract/form';
import type { ModelOption, Options } from '../../../src/contract/options';
import { translate } from '../../../src/web/i18n';
import type { Language } from '../../../src/web/i18n/texts';
import { faultText } from '../../../src/web/generate/refusal';
import { waysOut } from '../../../src/web/generate/ways';
import { formFaults } from '../../../src/web/state/providers';
import { plainModel } from '../../fixtures/models';

const model = (id: string, more: Partial<ModelOption> = {}) =>
  plainModel(id, { aspect_ratios: ['16:9', '9:16'], ...more });

const price = (resolution: string, audio: boolean) =>
  ({ resolution, audio, currency: 'USD', micros_per_s: 1 }) as const;
const models = [
  model('plain', { prompt_required: true }),
  model('even', { durations_s: [4, 6, 8], audio: 'switch' }),
  model('large', {
    audio: 'switch',
    durations_s: [3, 4, 5, 6, 7],
    end_image: true,
    prices: [price('720p', false), price('1080p', false), price('1080p', true)],
  }),
];
const options: Options = {
  camera_movements: [],
  shot_sizes: [],
  lightings: [],
  video_providers: [
    {
      ...models[0]!,
      name: 'runway',
      ready: true,
      default: true,
      model: 'plain',
      cancel: true,
      default_model: 'plain',
      models,
    },
  ],
  llm_providers: [],
};
const form = (more: Partial<FormData>): FormData => ({ ...emptyForm, prompt: 'rain', ...more });
const textIn =
  (language: Language) =>
  (...[key, values]: [Parameters<typeof translate>[1], Parameters<typeof translate>[2]?]) =>
    translate(language, key, values);
const waysFrom = (more: Partial<FormData>) => waysOut(textIn('en'), { options }, form(more));

it.each<[string, Partial<FormData>, [string, Partial<FormData>][]]>([
  [
    'the nearest length, the longer of two',
    { model: 'even', duration_s: 5 },
    [
      ['Use 6 s', { duration_s: 6 }],
      ['Use plain', { model: 'plain' }],
    ],
  ],
  [
    'no sound, or a model that has it',
    { model: 'plain', audio: true, resolution: '1080p' },
    [
      ['Turn sound off', { audio: false }],
      ['Use large', { model: 'large' }],
    ],
  ],
  [
    'the resolution that has sound, or no sound',
    { model: 'large', audio: true, duration_s: 7 },
    [
      ['Use 1080p', { resolution: '1080p' }],
      ['Turn sound off', { audio: false }],
    ],
  ],
  ['a resolution near the one that is not made', { resolution: '4k' }, [['Use 1080p', { resolution: '1080p' }]]],
  ['the nearest shape', { aspect_ratio: '3:4' }, [['Use 9:16', { aspect_ratio: '9:16' }]]],
  [
    'to end on nothing, or a model that ends on a picture',
    { end: 'next' },
    [
      ['End on nothing', { end: 'none' }],
      ['Use large', { model: 'large' }],
    ],
  ],
  ['a model that needs no prompt', { prompt: '' }, [['Use large', { model: 'large' }]]],
  ['nothing where nothing is wrong', {}, []],
])('offers %s', (_what, more, ways) => {
  expect(waysFrom(more).map(({ label, change }) => [label, change])).toEqual(ways);
});

it.each<[Language, Partial<FormData>, string]>([
  ['en', { model: 'even', duration_s: 5 }, 'Duration: even offers 4, 6 and 8 s. It works with plain.'],
  ['zh', { model: 'even', duration_s: 5 }, '时长：even 支持 4、6 和 8 秒。改用 plain 就可以。'],
  ['en', { model: 'large', duration_s: 12 }, 'Duration: large offers 3–7 s.'],
  ['en', { audio: true, resolution: '1080p' }, 'plain makes no sound. Turn sound off or take large.'],
  ['en', { model: 'large', audio: true }, 'Resolution: with sound, large offers 1080p.'],
  ['zh', { model: 'large', audio: true }, '分辨率：有声音时，large 支持 1080p。'],
  ['en', { end: 'image' }, 'plain cannot end on a picture. Let it end on nothing or take large.'],
  ['zh', { end: 'next' }, 'plain 不能指定结尾画面。请将结尾设为“无”，或改用 large。'],
  ['en', { prompt: '' }, 'plain needs a prompt; large works without one.'],
  ['zh', { prompt: '' }, 'plain 需要提示词；large 可以不填。'],
])('says in %s what %j lacks: %s', (language, more, words) => {
  const faults = formFaults({ options }, form(more));
  expect(faults.map((fault) => faultText(textIn(language), fault, 'runway'))).toEqual([words]);
});
