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

describe('a batch', () => {
  const press = async (shots: number) => {
    const image_path = await uploadPicture(server);
    const workspace_ids: string[] = [];
    for (let shot = 0; shot < shots; shot++) workspace_ids.push(await createId({ image_path }));
    const { body } = await server.post('/api/generate/batch', { workspace_ids });
    return { batch_id: body.batch._id as string, workspace_ids };
  };

  test('a cancelled batch is answered with its items, and again unchanged', async () => {
    const { batch_id } = await press(2);
    const { status, body } = await cancel({ batch_id });
    const reason = { code: 'CANCELLED', message: expect.stringMatching(/\.$/) };
    const items = [
      { state: 'cancelled', reason },
      { state: 'cancelled', reason },
    ];
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { batch: { _id: batch_id, status: 'cancelled', items } },
    });
    expect(body.batch.completed_at).not.toBeNull();
    expect(await cancel({ batch_id })).toMatchObject({ status: 200, body });
    expect((await server.get('/api/batches')).body.batches[0]).toEqual(body.batch);
  });

  test('a shot that waits is taken out of its batch, answered as it is, and is free for a click', async () => {
    const { batch_id, workspace_ids } = await press(2);
    const [workspace_id] = workspace_ids;
    expectError(await server.post('/api/generate/video', { workspace_id }), 409, 'VIDEO_IN_PROGRESS');
    expect(await cancel({ workspace_id })).toMatchObject({
      status: 200,
      body: { workspace_id, video: { status: 'idle', error: null } },
    });
    expectError(await cancel({ workspace_id }), 409, 'NOT_GENERATING');
    expect((await server.post('/api/generate/video', { workspace_id })).status).toBe(202);
    await cancel({ workspace_id });
    await cancel({ batch_id });
  });

  test('a batch that is not there is 404', async () => {
    expectError(await cancel({ batch_id: nobody }), 404, 'BATCH_NOT_FOUND');
  });
});

test.each([
  ['neither a shot nor a batch', {}],
  ['both a shot and a batch', { workspace_id: nobody, batch_id: nobody }],
  ['an attempt of a batch', { attempt_id: 'a', batch_id: nobody }],
  ['an id that is none', { batch_id: 'batch' }],
])('a cancellation of %s is INVALID_INPUT', async (_, body) => {
  expectError(await cancel(body), 400, 'INVALID_INPUT');
});
