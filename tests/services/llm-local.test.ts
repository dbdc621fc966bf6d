import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import local from '../../src/services/llm-local';
import { question, still } from './llm-provider.suite';

async function ask(message: string, form: Partial<FormData> = {}) {
  const { text, model } = await local.suggest({ ...question, message, form_data: { ...emptyForm, ...form } }, still());
  return { ...(JSON.parse(text) as { message: string; patch: Partial<FormData> }), model };
}

describe('suggestions without a model', () => {
  test('suggestions without a model say in the language of the user that no model was asked, and how to get one', async () => {
    const english = await ask('help me');
    expect(english.message).toMatch(/no model was asked.*LLM_PROVIDER.*key.*\.env/);
    const chinese = await ask('帮我优化运镜');
    expect(chinese.message).toMatch(/没有询问任何模型.*\.env.*LLM_PROVIDER.*密钥/);
    expect(chinese.patch).toEqual({});
    expect(local.name).toBe('local');
    expect(english.model).toBe('rules');
    expect(local.settings.missing).toEqual([]);
  });

  test.each<[string, Partial<FormData>]>([
    [
      'slow push in, close-up, golden hour, 8 seconds, 9:16',
      {
        camera_movement: 'push_in',
        shot_size: 'close_up',
        lighting: 'golden_hour',
        duration_s: 8,
        aspect_ratio: '9:16',
      },
    ],
    [
      '缓慢推镜头，特写，逆光，8秒，竖屏',
      { camera_movement: 'push_in', shot_size: 'close_up', lighting: 'backlight', duration_s: 8, aspect_ratio: '9:16' },
    ],
    ['十秒，方形', { duration_s: 10, aspect_ratio: '1:1' }],
    ['十二秒', { duration_s: 12 }],
    ['两秒钟', { duration_s: 2 }],
    ['a 10s square clip', { duration_s: 10, aspect_ratio: '1:1' }],
    ['画幅 ２１：９', { aspect_ratio: '21:9' }],
    ['16比9', { aspect_ratio: '16:9' }],
    ['横屏', { aspect_ratio: '16:9' }],
    ['a portrait of my cat in the 1980s', {}],
    ['100 seconds', {}],
  ])('suggestions without a model turn "%s" into fields', async (message, patch) => {
    expect((await ask(message)).patch).toEqual(patch);
  });

  test('suggestions without a model take 平移 as a truck and say so', async () => {
    const { message, patch } = await ask('镜头向左平移');
    expect(patch).toEqual({ camera_movement: 'truck_left' });
    expect(message).toMatch(/平移.*横移.*摇/);
  });

  test.each<[string, string, Partial<FormData>, RegExp]>([
    ['stacked moves', 'push in and orbit', {}, /one dominant camera move/],
    ['a zoom', 'zoom in', {}, /focal length/],
    ['a full circle', '360 orbit', {}, /large move/],
    ['a shot size', 'close-up', {}, /begins or ends/],
    ['negative words', 'better?', { prompt: 'she smiles, no blur' }, /negative prompt/],
    ['a described picture', 'better?', { prompt: 'A photo of a girl in a red dress' }, /need not describe/],
    ['too much at once', 'better?', { prompt: 'she stands up, then walks off, then waves' }, /one action and one move/],
    ['an empty prompt', 'better?', {}, /prompt is empty/],
  ])('suggestions without a model advise on %s', async (_what, message, form, advice) => {
    expect((await ask(message, form)).message).toMatch(advice);
  });

  test('suggestions without a model give no advice that does not apply', async () => {
    const { message } = await ask('slow push in', { prompt: 'she turns her head toward the window' });
    expect(message.split('\n')).toHaveLength(2);
  });
});
