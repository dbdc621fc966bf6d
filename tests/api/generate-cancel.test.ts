import { nobody } from '../fixtures/workspaces';
import { uploadPicture } from '../helpers/generating';
import { createId, expectError, heard, mark, server, useServer } from '../helpers/tabs';

useServer();

const cancel = (body: object) => server.post('/api/generate/cancel', body);

test('the cancellation of an unknown workspace is 404', async () => {
  expectError(await cancel({ workspace_id: nobody }), 404, 'WORKSPACE_NOT_FOUND');
});

test('a cancellation where nothing is generating is 409', async () => {
  expectError(await cancel({ workspace_id: await createId() }), 409, 'NOT_GENERATING');
});

test('a cancellation of an attempt that is not the running one is 409, and of the running one it ends it in every tab', async () => {
  const form_data = { duration_s: 15 };
  const workspace_id = await createId({ image_path: await uploadPicture(server), form_data });
  const { body } = await server.post('/api/generate/video', { workspace_id });
  expectError(await cancel({ workspace_id, attempt_id: 'another' }), 409, 'NOT_GENERATING');

  const since = await mark();
  const ended = await cancel({ workspace_id, attempt_id: body.video.attempt_id });
  const cancelled = { status: 'failed', error: { code: 'CANCELLED', charged: 'no' } };
  expect(ended).toMatchObject({ status: 200, body: { workspace_id, video: cancelled } });
  expect(await heard(since)).toContainEqual(
    expect.objectContaining({ type: 'video.status_update', workspace_id, video: ended.body.video }),
  );
});
