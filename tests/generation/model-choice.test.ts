process.env.RUNWAY_API_KEY = 'key_runway';
process.env.KLING_API_KEY = 'key_kling';
process.env.VIDEO_PROVIDER = 'runway';

import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { chooseModel, modelToAdvise } from '../../src/generation/model-choice';
import { type AppError } from '../../src/utils/errors';

const form: FormData = { ...emptyForm, prompt: 'A lamp turns.' };

/** What a click on a form means, in short. */
function choiceOf(change: Partial<FormData>, provider?: string) {
  const { provider: chosen, model, resolution, audio } = chooseModel({ ...form, ...change }, provider);
  return { provider: chosen.name, model: model.id, resolution, audio };
}

/** Why a click on a form is refused. */
function refusalOf(change: Partial<FormData>, provider?: string) {
  try {
    chooseModel({ ...form, ...change }, provider);
  } catch (error) {
    const { code, message, details } = error as AppError;
    return { code, message, path: details?.[0]?.path, rule: details?.[0]?.rule };
  }
  throw new Error('nothing was refused');
}

test('an empty form means the default model of the default provider, in its own resolution and without sound', () => {
  expect(choiceOf({})).toEqual({ provider: 'runway', model: 'gen4.5', resolution: null, audio: false });
});

test('a form means the provider, model, resolution and sound that it names', () => {
  const chosen = { provider: 'kling', model: 'kling-3.0', resolution: '1080p', audio: true };
  expect(choiceOf(chosen)).toEqual(chosen);
});

test('the provider of a click wins over that of the form, whose model and resolution then mean nothing', () => {
  const inForm = { provider: 'kling', model: 'kling-3.0', resolution: '1080p', audio: true };
  expect(choiceOf(inForm, 'runway')).toEqual({ provider: 'runway', model: 'gen4.5', resolution: null, audio: false });
  expect(choiceOf({ model: 'gen4_turbo' }, 'kling')).toMatchObject({ provider: 'kling', model: 'kling-3.0' });
});

test('a provider or model that there is not is refused with the list', () => {
  expect(refusalOf({ provider: 'nobody' })).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.provider' });
  expect(refusalOf({}, 'nobody')).toMatchObject({ code: 'INVALID_INPUT', path: 'provider' });
  const unknown = refusalOf({ model: 'gen9' });
  expect(unknown).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.model', rule: 'not_offered' });
  expect(unknown.message).toContain('gen4.5');
});

test('what a model cannot do is refused with the field and a model of the same key that can', () => {
  const refused = refusalOf({ model: 'gen4.5', audio: true });
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.audio', rule: 'not_offered' });
  expect(refused.message).toMatch(/the model \S+ can make it/);
  expect(refusalOf({ provider: 'kling', duration_s: 15, model: 'kling-2.6' })).toMatchObject({
    path: 'form_data.duration_s',
    message: expect.stringContaining('kling-3.0'),
  });
});

test('what two fields cannot do together is refused, naming one of them', () => {
  const refused = refusalOf({ provider: 'kling', model: 'kling-2.6', resolution: '720p', audio: true });
  expect(refused.code).toBe('INVALID_INPUT');
  expect(refused.path).toMatch(/^form_data\.(audio|resolution)$/);
});

const end = 'image';

test('an end frame is refused where the model takes none, naming a model of the same key that does', () => {
  const refused = refusalOf({ model: 'gen4.5', end });
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.end', rule: 'not_offered' });
  expect(refused.message).toBe(
    'Runway cannot make this video: end must be none, as this model takes no end frame; the model seedance2 can make it.',
  );
  expect(refusalOf({ provider: 'kling', model: 'kling-3.0-turbo', end: 'next' })).toMatchObject({
    path: 'form_data.end',
    message: expect.stringContaining('the model kling-3.0 can make it') as string,
  });
});

test('an end frame that a model takes at another resolution only is refused with that resolution, and taken there', () => {
  for (const model of ['kling-2.6', 'kling-2.5-turbo']) {
    for (const resolution of ['', '720p']) {
      const refused = refusalOf({ provider: 'kling', model, end, resolution });
      expect(refused).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.resolution', rule: 'not_offered' });
      expect(refused.message).toContain('must be one of 1080p with an end frame; the model kling-3.0 can make it');
    }
    expect(choiceOf({ provider: 'kling', model, end, resolution: '1080p' })).toMatchObject({ model });
  }
});

test('an end frame that a model takes without sound only is refused with sound', () => {
  const loud = { provider: 'kling', model: 'kling-2.6', resolution: '1080p', audio: true };
  expect(choiceOf(loud)).toMatchObject({ audio: true });
  const refused = refusalOf({ ...loud, end });
  expect(refused).toMatchObject({ code: 'INVALID_INPUT', path: 'form_data.audio' });
  expect(refused.message).toContain('audio must be false with an end frame');
});

test('advice is for the model of the form, else for the default one', () => {
  expect(modelToAdvise({ ...form, provider: 'kling', model: 'kling-2.6' })).toMatchObject({
    name: 'kling',
    model: { id: 'kling-2.6' },
  });
  expect(modelToAdvise({ ...form, provider: 'kling', model: 'gone' })).toMatchObject({ model: { id: 'kling-3.0' } });
  expect(modelToAdvise({ ...form, provider: 'pika' })).toMatchObject({ name: 'runway', model: { id: 'gen4.5' } });
});
