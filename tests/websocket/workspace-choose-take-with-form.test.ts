import { emptyForm, finished } from '../fixtures/workspaces';
import { createStored, find, other, tab, update, useServer } from '../helpers/tabs';

useServer();

const madeWith = (attempt: string, prompt: string) => ({
  ...finished(attempt),
  form_data: { ...emptyForm, prompt, seed: 7 },
});

/** A shot whose video was made with one prompt, its take with another, and whose form says a third. */
const shot = (): Promise<string> =>
  createStored(
    { video: madeWith('new', 'the new one'), takes: [madeWith('old', 'the old one')] },
    { form_data: { prompt: 'typed since' } },
  );

const choose = (id: string, attempt: string, more: object = { with_form: true }) =>
  tab.ask({ type: 'workspace.choose_take', workspace_id: id, attempt_id: attempt, ...more });
test('a take brings its form in the same version, and everybody is told both', async () => {
  const id = await shot();
  const since = other.frames.length;
  const changes = { 'form_data.prompt': 'the old one', 'form_data.seed': 7, 'form_data.camera_movement': '' };
  const answer = await choose(id, 'old');
  expect(answer).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
  expect(answer.changes).toEqual(expect.objectContaining(changes));
  const told = await other.next(({ type }) => type === 'video.status_update', since);
  expect(told).toMatchObject({ version: 2, video: { attempt_id: 'old' }, takes: [{ attempt_id: 'new' }] });
  expect(told.changes).toEqual(answer.changes);
  expect(await find(id)).toMatchObject({
    version: 2,
    form_data: { ...emptyForm, prompt: 'the old one', seed: 7 },
    video: { attempt_id: 'old' },
  });
});

test('without with_form the words of the form stay', async () => {
  const id = await shot();
  const answer = await choose(id, 'old', {});
  expect(answer).not.toHaveProperty('changes');
  expect(await find(id)).toMatchObject({ form_data: { prompt: 'typed since' }, video: { attempt_id: 'old' } });
});

test('the form of the clip that is shown already can be brought back too', async () => {
  const id = await shot();
  expect(await choose(id, 'new')).toMatchObject({ type: 'workspace.sync_confirm', version: 2 });
  expect(await find(id)).toMatchObject({ form_data: { prompt: 'the new one' }, takes: [{ attempt_id: 'old' }] });
});

test('the same message again changes nothing that was typed since', async () => {
  const id = await shot();
  await choose(id, 'old', { with_form: true, request_id: 'again' });
  await update(id, { 'form_data.prompt': 'typed later' });
  expect(await choose(id, 'old', { with_form: true, request_id: 'again' })).toMatchObject({ version: 3 });
  expect(await find(id)).toMatchObject({ version: 3, form_data: { prompt: 'typed later' } });
});

test('an edit that follows is stored on top of the form that came with the take', async () => {
  const id = await shot();
  await choose(id, 'old');
  await update(id, { 'form_data.lighting': 'neon' });
  expect((await find(id)).form_data).toMatchObject({ prompt: 'the old one', lighting: 'neon' });
});
