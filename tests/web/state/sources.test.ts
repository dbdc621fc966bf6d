import { emptyForm } from '../../../src/contract/defaults';
import type { FormData } from '../../../src/contract/form';
import type { Options } from '../../../src/contract/options';
import type { Workspace } from '../../../src/contract/workspace';
import { formFaults } from '../../../src/web/state/providers';
import { lacksOf } from '../../../src/web/state/sources';
import { plainModel } from '../../fixtures/models';

/** A server whose one model can end on a picture or cannot. */
const optionsWith = (end_image: boolean): Options => {
  const model = plainModel('one', { end_image });
  const provider = { ...model, name: 'p', ready: true, default: true, model: model.id, cancel: true };
  return {
    camera_movements: [],
    shot_sizes: [],
    lightings: [],
    llm_providers: [],
    video_providers: [{ ...provider, default_model: model.id, models: [model] }],
  };
};
const shot = (form: Partial<FormData>): Workspace =>
  ({ _id: 'a', image_url: null, end_image_url: null, form_data: { ...emptyForm, ...form } }) as Workspace;
const lacks = (one: Workspace, end_image: boolean) =>
  lacksOf(one, { ids: ['a'], byId: { a: one }, options: optionsWith(end_image) }).map(({ what }) => what);

it.each<[FormData['end'], string]>([
  ['image', 'endPicture'],
  ['next', 'next'],
])('asks for what a shot ends on (%s) of a model only that can', (end, what) => {
  const one = shot({ end });
  expect(lacks(one, true)).toEqual(['picture', what]);
  expect(lacks(one, false)).toEqual(['picture']);
  expect(formFaults({ options: optionsWith(false) }, one.form_data)).toMatchObject([{ field: 'end' }]);
});
