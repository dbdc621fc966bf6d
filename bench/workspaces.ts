import { mongo } from 'mongoose';
import { emptyForm, type FormData } from '../src/contract/form';
import { idleVideo } from '../src/contract/video';
import type { StoredWorkspace } from '../src/db/workspace';

const batch = 1000;
const prompt = 'A lamp turns above the harbour, slow rain on the glass, the camera climbs along the stairs. '.repeat(2);

/** Replaces the timeline of a database by `count` filled shots with a finished video each; returns their ids. */
export async function seedWorkspaces(
  database: mongo.Db,
  count: number,
  more: Partial<StoredWorkspace> = {},
): Promise<string[]> {
  const workspaces = database.collection<StoredWorkspace>('workspaces');
  await workspaces.deleteMany({});
  const ids: string[] = [];
  for (let from = 0; from < count; from += batch) {
    const documents = Array.from({ length: Math.min(batch, count - from) }, (_, index) => shot(from + index, more));
    await workspaces.insertMany(documents);
    ids.push(...documents.map(({ _id }) => String(_id)));
  }
  return ids;
}

/** Changes one prompt without the server, so that no list from before is the answer any more. */
export async function changeOne(database: mongo.Db): Promise<void> {
  const change = { $set: { 'form_data.prompt': `${prompt}${Math.random()}` }, $inc: { version: 1 } };
  await database.collection('workspaces').updateOne({}, change, { writeConcern: { w: 'majority', journal: true } });
}

function shot(index: number, more: Partial<StoredWorkspace>): StoredWorkspace {
  const name = `shot-${index}`;
  const now = new Date();
  const form: FormData = { ...emptyForm, camera_movement: 'push_in', shot_size: 'wide', prompt };
  return {
    _id: new mongo.ObjectId(),
    order_index: index,
    image_path: `uploads/images/${name}.jpg`,
    image_url: `/uploads/images/${name}.jpg`,
    form_data: form,
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
