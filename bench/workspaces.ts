import { mongo } from 'mongoose';
import { emptyForm, idleVideo, newFilmSettings, wholeClip } from '../src/contract/defaults';
import type { FormData } from '../src/contract/form';
import type { StoredWorkspace } from '../src/db/workspace';

const batch = 1000;
const prompt = 'A lamp turns above the harbour, slow rain on the glass, the camera climbs along the stairs. '.repeat(2);

/** Replaces the timeline of a database by `count` filled shots with a finished video each; returns their ids. */
export async function seedWorkspaces(
  database: mongo.Db,
  count: number,
  more: Partial<StoredWorkspace> = {},
): Promise<string[]> {
  const film = await defaultFilm(database);
  const workspaces = database.collection<StoredWorkspace>('workspaces');
  await workspaces.deleteMany({});
  const ids: string[] = [];
  for (let from = 0; from < count; from += batch) {
    const documents = Array.from({ length: Math.min(batch, count - from) }, (_, index) =>
      shot(film, from + index, more),
    );
    await workspaces.insertMany(documents);
    ids.push(...documents.map(({ _id }) => String(_id)));
  }
  return ids;
}

/** The film that the server has made, or else one that it will find at its start. */
async function defaultFilm(database: mongo.Db): Promise<mongo.ObjectId> {
  const films = database.collection('films');
  const found = await films.findOne({ deleted_at: null }, { sort: { created_at: 1 } });
  if (found) return found._id;
  const at = new Date();
  const times = { created_at: at, updated_at: at, deleted_at: null };
  const film = { title: '', settings: newFilmSettings, version: 1, applied: [], ...times };
  return (await films.insertOne(film)).insertedId;
}

/** Changes one prompt without the server, so that no list from before is the answer any more. */
export async function changeOne(database: mongo.Db): Promise<void> {
  const change = { $set: { 'form_data.prompt': `${prompt}${Math.random()}` }, $inc: { version: 1 } };
  await database.collection('workspaces').updateOne({}, change, { writeConcern: { w: 'majority', journal: true } });
}

function shot(film_id: mongo.ObjectId, index: number, more: Partial<StoredWorkspace>): StoredWorkspace {
  const name = `shot-${index}`;
  const now = new Date();
  const form: FormData = { ...emptyForm, camera_movement: 'push_in', shot_size: 'wide', prompt };
  return {
    _id: new mongo.ObjectId(),
    film_id,
    order_index: index,
    image_path: `uploads/images/${name}.jpg`,
    image_url: `/uploads/images/${name}.jpg`,
    end_image_path: null,
    end_image_url: null,
    form_data: form,
    cut: wholeClip,
    video: {
      ...idleVideo,
      status: 'completed',
      task_id: `task-${index}`,
      url: `/uploads/videos/${name}.mp4`,
      provider: 'runway',
      model: 'gen4.5',
      poster_url: `/uploads/videos/${name}.jpg`,
      attempt_id: `attempt-${index}`,
      form_data: form,
      started_at: now.toISOString(),
      completed_at: now.toISOString(),
    },
    takes: [],
    ai_collaboration: [
      {
        _id: new mongo.ObjectId(),
        message: 'Make it more dramatic.',
        suggestion: { message: 'Lower the light and move the camera closer.', form_data: { lighting: 'low_key' } },
        provider: 'local',
        model: 'rules',
        created_at: now.toISOString(),
      },
    ],
    version: 1,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
    deleted_at: null,
    applied: [],
    job: null,
    superseded: [],
    clicks: [],
    ...more,
  };
}
