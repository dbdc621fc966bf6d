import { emptyForm } from '../../src/contract/defaults';
import { faultsOf, formElsewhere, hasAudio, modelOf, priceOf, resolutionOf } from '../../src/contract/model-choice';
import { anyModel } from '../fixtures/models';

const form = { ...emptyForm, prompt: 'A lamp turns.' };
const silent = { ...anyModel, id: 'silent', audio: 'never' as const };
const loud = { ...anyModel, id: 'loud', audio: 'always' as const };
const provider = { default_model: 'any', models: [anyModel, silent, loud] };

test('a form means the model that it names, else the default one, and an unknown name means none', () => {
  expect(modelOf(provider, form)).toBe(anyModel);
  expect(modelOf(provider, { ...form, model: 'silent' })).toBe(silent);
  expect(modelOf(provider, { ...form, model: 'other' })).toBeUndefined();
});

test('at another provider a form has no model and no resolution, and no sound where there is none', () => {
  const chosen = { ...form, model: 'x', resolution: '4k', audio: true };
  expect(formElsewhere(provider, chosen)).toEqual({ ...form, audio: true });
  expect(formElsewhere({ default_model: 'silent', models: [silent] }, chosen)).toEqual(form);
});

test('a form without a resolution means the one of the model', () => {
  expect(resolutionOf(anyModel, form)).toBe('720p');
  expect(resolutionOf(anyModel, { ...form, resolution: '1080p' })).toBe('1080p');
  expect(resolutionOf({ ...anyModel, default_resolution: null }, form)).toBeNull();
});

test.each([
  ['never', true, false],
  ['switch', true, true],
  ['switch', false, false],
  ['always', false, true],
] as const)('a model that makes sound "%s" makes some for a form with sound %s: %s', (audio, wanted, has) => {
  expect(hasAudio({ ...anyModel, audio }, { ...form, audio: wanted })).toBe(has);
});

test('a form that the model can make has no fault', () => {
  expect(faultsOf(anyModel, { ...form, resolution: '1080p', audio: true })).toEqual([]);
});

test.each([
  [{ duration_s: 3 }, { field: 'duration_s', rule: 'not_offered', offered: [5, 10] }],
  [{ aspect_ratio: '1:1' }, { field: 'aspect_ratio', rule: 'not_offered', offered: ['16:9'] }],
  [{ resolution: '4k' }, { field: 'resolution', rule: 'not_offered', offered: ['720p', '1080p'] }],
  [{ prompt: 'x'.repeat(501) }, { field: 'prompt', rule: 'too_long', limit: 500 }],
  [{ prompt: ' ' }, { field: 'prompt', rule: 'required' }],
] as const)('%j is named with what the model offers', (change, fault) => {
  expect(faultsOf(anyModel, { ...form, ...change })).toEqual([fault]);
});

test('a phrase of the form counts as a prompt where one is required', () => {
  expect(faultsOf(anyModel, { ...form, prompt: '', lighting: 'soft' })).toEqual([]);
});

test('sound is a fault only where the model makes none', () => {
  expect(faultsOf(silent, { ...form, audio: true })).toMatchObject([{ field: 'audio', rule: 'not_offered' }]);
  expect(faultsOf(loud, form)).toEqual([]);
});

test('a price is that of a second times the length, and without a price it is not known', () => {
  expect(priceOf(anyModel, form)).toEqual({ currency: 'USD', micros: 500_000 });
  expect(priceOf({ ...anyModel, prices: [] }, form)).toBeNull();
});

test('a resolution and a sound that have no price together are not offered together', () => {
  const row = { currency: 'USD', micros_per_s: 70_000 } as const;
  const prices = [
    { ...row, resolution: '720p', audio: false },
    { ...row, resolution: '1080p', audio: null },
  ];
  const model = { ...anyModel, prices };
  expect(faultsOf(model, form)).toEqual([]);
  expect(faultsOf(model, { ...form, resolution: '1080p', audio: true })).toEqual([]);
  const fault = { field: 'resolution', rule: 'not_offered', offered: ['1080p'] };
  expect(faultsOf(model, { ...form, audio: true })).toEqual([fault]);
  expect(faultsOf({ ...model, prices: [] }, { ...form, audio: true })).toEqual([]);
});
