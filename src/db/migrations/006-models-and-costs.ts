import { emptyForm, unknownOrigin } from '../../contract/defaults';
import { Workspace } from '../workspace';
import { inEveryPart, unlessNull } from './in-every-part';

const { provider, model, resolution, audio } = emptyForm;
const newFields = { provider, model, resolution, audio };

/** Adds the model to the forms, and what a video was made from and cost to the videos, of documents of 1.0.0. */
export async function addModelsAndCosts(): Promise<void> {
  // With the driver, since Mongoose would cast the expressions.
  const { collection } = Workspace;
  const isWithout = (field: string) => ({ [field]: { $exists: false } });
  const old = [
    isWithout('form_data.audio'),
    isWithout('video.style'),
    { takes: { $elemMatch: isWithout('style') } },
    { clicks: { $elemMatch: { outcome: { $type: 'object' }, ...isWithout('outcome.style') } } },
    { job: { $type: 'object' }, ...isWithout('job.audio') },
    { superseded: { $elemMatch: isWithout('audio') } },
  ];
  const parts = inEveryPart({ form: withFields, video: ofVideo, job: ofJob });
  await collection.updateMany({ $or: old }, [{ $set: parts }]);
}

const withFields = (form: string) => ({ $mergeObjects: [newFields, form] });
const ofVideo = (video: string) => ({
  $mergeObjects: [
    unknownOrigin,
    video,
    { form_data: unlessNull(`${video}.form_data`, withFields(`${video}.form_data`)) },
  ],
});
const ofJob = (job: string) => ({
  $mergeObjects: [{ resolution: null, audio: false, cost: null }, job, { form_data: withFields(`${job}.form_data`) }],
});
