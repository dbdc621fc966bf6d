import { emptyForm } from '../../contract/defaults';
import { Workspace } from '../workspace';
import { inEveryPart, unlessNull } from './in-every-part';

const { start, end } = emptyForm;

/** Adds the end image to the shots, and what a clip starts from and ends on to every form, of documents of 1.0.0. */
export async function addContinuity(): Promise<void> {
  // With the driver, since Mongoose would cast the expressions.
  const { collection } = Workspace;
  const isWithout = (field: string) => ({ [field]: { $exists: false } });
  const hasOldForm = (path: string) => ({
    [`${path}form_data`]: { $type: 'object' },
    ...isWithout(`${path}form_data.end`),
  });
  const old = [
    isWithout('end_image_path'),
    isWithout('form_data.end'),
    hasOldForm('video.'),
    { takes: { $elemMatch: hasOldForm('') } },
    { clicks: { $elemMatch: hasOldForm('outcome.') } },
    { job: { $type: 'object' }, ...isWithout('job.from_s') },
    { superseded: { $elemMatch: isWithout('from_s') } },
  ];
  const image = {
    end_image_path: { $ifNull: ['$end_image_path', null] },
    end_image_url: { $ifNull: ['$end_image_url', null] },
  };
  const parts = inEveryPart({ form: withFields, video: ofVideo, job: ofJob });
  await collection.updateMany({ $or: old }, [{ $set: { ...image, ...parts } }]);
}

const withFields = (form: string) => ({ $mergeObjects: [{ start, end }, form] });
const ofVideo = (video: string) => ({
  $mergeObjects: [video, { form_data: unlessNull(`${video}.form_data`, withFields(`${video}.form_data`)) }],
});
const ofJob = (job: string) => ({
  $mergeObjects: [
    { end_image_path: null, from_attempt_id: null, from_s: null },
    job,
    { form_data: withFields(`${job}.form_data`) },
  ],
});
