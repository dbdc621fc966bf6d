import type { Batch } from '../../src/contract/batch';
import { batch as batchShape, batchPreview } from '../../src/contract/batch';
import { nobody } from '../fixtures/workspaces';
import { uploadPicture } from '../helpers/generating';
import { freshDatabase, startServer } from '../helpers/server';
import {
  connectTo,
  createFilm,
  createId,
  expectError,
  heard,
  listOf,
  mark,
  server,
  tab,
  useServer,
} from '../helpers/tabs';

// A shot waits for 3 s of quiet, so a batch that is cancelled at once has nothing rendered.
useServer({ MONGODB_URI: freshDatabase() });

const press = (body: object = {}) => server.post('/api/generate/batch', body);
const cancel = (batch: Batch) => server.post('/api/generate/cancel', { batch_id: batch._id });
const batches = async (filmId: string): Promise<Batch[]> =>
  (await server.get(`/api/batches?film_id=${filmId}`)).body.batches;

/** A film with shots that the local renderer can make, and one that it cannot. */
async function newFilm(shots = 2, bare = 0): Promise<{ film_id: string; ids: string[] }> {
  const film = await createFilm();
  const image_path = await uploadPicture(server);
  const ids: string[] = [];
  for (let shot = 0; shot < shots + bare; shot++) {
    const data = shot < shots ? { image_path } : {};
    const { workspace } = await tab.ask({ type: 'workspace.create', film_id: film._id, data });
    ids.push(workspace._id);
  }
  return { film_id: film._id, ids };
}

test('a press is 202 with the batch, which is pushed to its film and stands in the list', async () => {
  const { film_id, ids } = await newFilm();
  const { status, body } = await press({ film_id });
  expect(status).toBe(202);
  const batch = batchShape.parse(body.batch);
  expect(batch).toMatchObject({ film_id, status: 'running', completed_at: null, estimate: [] });
  expect(batch.items).toEqual(
    ids.map((workspace_id) => ({ workspace_id, attempt_id: null, state: 'waiting', reason: null })),
  );
  expect(await batches(film_id)).toMatchObject([{ _id: batch._id }]);
  await cancel(batch);
});

test('a press is told to the sockets of its film, and to no other', async () => {
  const own = await createId({ image_path: await uploadPicture(server) });
  const since = await mark();
  const { body } = await press({ workspace_ids: [own] });
  await cancel(body.batch);
  const told = (await heard(since)).filter(({ type }) => type === 'batch.status_update');
  expect(told[0]).toEqual({ type: 'batch.status_update', batch: body.batch });
  const foreign = await newFilm(1);
  const from = await mark();
  const other = await press({ film_id: foreign.film_id });
  await cancel(other.body.batch);
  const { film_id } = foreign;
  expect((await heard(from)).filter(({ batch }) => batch?.film_id === film_id)).toEqual([]);
});

test('a dry run is 200 with what a press would do, and starts nothing', async () => {
  const { film_id, ids } = await newFilm(2, 1);
  const { status, body } = await press({ film_id, dry_run: true });
  expect(status).toBe(200);
  expect(batchPreview.parse(body)).toEqual({
    ready: ids.slice(0, 2).map((workspace_id) => ({
      workspace_id,
      provider: 'local',
      model: expect.any(String),
      duration_s: 5,
      cost: null,
      waits_for: null,
    })),
    blocked: [{ workspace_id: ids[2], code: 'IMAGE_MISSING', message: expect.stringMatching(/\.$/) }],
    estimate: [],
  });
  expect(await batches(film_id)).toEqual([]);
});

test('a press with a blocked shot is 409 and names it, and starts nothing', async () => {
  const { film_id, ids } = await newFilm(1, 1);
  const answer = await press({ film_id });
  expectError(answer, 409, 'BATCH_BLOCKED');
  expect(answer.body.error.details).toEqual([{ path: ids[1], message: expect.stringContaining('image') }]);
  expect(await batches(film_id)).toEqual([]);
  const skipped = await press({ film_id, skip_blocked: true });
  expect(skipped.body.batch.items).toMatchObject([{ workspace_id: ids[0] }]);
  await cancel(skipped.body.batch);
});

test('a press that finds nothing is 409', async () => {
  const { film_id } = await newFilm(0);
  expectError(await press({ film_id }), 409, 'NOTHING_TO_GENERATE');
  expectError(await press({ film_id, workspace_ids: [] }), 409, 'NOTHING_TO_GENERATE');
  expectError(await press({ film_id, only: 'failed' }), 409, 'NOTHING_TO_GENERATE');
});

test('a press of another window, and one under the same request_id, get the first batch', async () => {
  const { film_id, ids } = await newFilm();
  const answers = await Promise.all([
    press({ film_id, request_id: 'press-1' }),
    press({ film_id, only: 'all' }),
    press({ film_id, workspace_ids: ids }),
  ]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const [first] = answers;
  expect(new Set(answers.map(({ body }) => body.batch._id))).toEqual(new Set([first.body.batch._id]));
  await cancel(first.body.batch);
  expect(await batches(film_id)).toHaveLength(1);
});

test('a press at two servers at once starts one batch', async () => {
  const { film_id } = await newFilm();
  const { MONGODB_URI, UPLOAD_DIR } = server.env;
  const second = await startServer({ MONGODB_URI: MONGODB_URI!, UPLOAD_DIR: UPLOAD_DIR! });
  try {
    const presses = Array.from({ length: 6 }, (_, index) =>
      (index % 2 ? server : second).post('/api/generate/batch', { film_id }),
    );
    const answers = await Promise.all(presses);
    expect(new Set(answers.map(({ body }) => body.batch?._id)).size).toBe(1);
    expect(await batches(film_id)).toHaveLength(1);
    await cancel(answers[0]!.body.batch);
  } finally {
    await second.stop();
  }
}, 60_000);

test('a film or a shot that is not there is 404, and nothing is started', async () => {
  const { film_id, ids } = await newFilm();
  const other = await newFilm(1);
  expectError(await press({ film_id: nobody }), 404, 'FILM_NOT_FOUND');
  for (const dry_run of [true, false]) {
    const named = { film_id, workspace_ids: [ids[0], other.ids[0]], skip_blocked: true, dry_run };
    expectError(await press(named), 404, 'WORKSPACE_NOT_FOUND');
  }
  expect(await batches(film_id)).toEqual([]);
});

test.each([
  ['both ids and a choice', { workspace_ids: [nobody], only: 'all' }, 'only'],
  ['a choice that does not exist', { only: 'new' }, 'only'],
  ['an id that is none', { workspace_ids: ['shot'] }, 'workspace_ids.0'],
  ['a film that is no id', { film_id: 'film' }, 'film_id'],
  ['a field that does not exist', { accept_second_charge: true }, 'accept_second_charge'],
])('a press with %s is INVALID_INPUT', async (_, body, path) => {
  const answer = await press(body);
  expectError(answer, 400, 'INVALID_INPUT');
  expect(answer.body.error.details).toMatchObject([{ path }]);
});

test('a batch is made by the server to its end, with no browser', async () => {
  const { film_id, ids } = await newFilm(1);
  const { body } = await press({ film_id });
  const socket = await connectTo(film_id);
  const ended = await socket.next(
    ({ type, batch }) => type === 'batch.status_update' && batch._id === body.batch._id && batch.completed_at !== null,
  );
  socket.close();
  expect(ended.batch).toMatchObject({ status: 'completed', items: [{ workspace_id: ids[0], state: 'completed' }] });
  expect((await batches(film_id))[0]).toEqual(ended.batch);
  expect(await listOf(film_id)).toMatchObject([{ video: { status: 'completed', provider: 'local' } }]);
});
