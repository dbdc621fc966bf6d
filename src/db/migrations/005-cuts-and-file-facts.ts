import { unknownFacts } from '../../contract/defaults';
import { wholeClip } from '../../contract/defaults';
import { Workspace } from '../workspace';

/** Adds the cut of a shot and the facts of its files to documents of 1.0.0. */
export async function addCutsAndFileFacts(): Promise<void> {
  // With the driver, since Mongoose would cast the expressions.
  const { collection } = Workspace;
  await collection.updateMany({ cut: { $exists: false } }, { $set: { cut: wholeClip } });
  const isWithout = { size: { $exists: false } };
  const old = [
    { 'video.size': { $exists: false } },
    { takes: { $elemMatch: isWithout } },
    { clicks: { $elemMatch: { outcome: { $type: 'object' }, 'outcome.size': { $exists: false } } } },
  ];
  const withFacts = (video: string) => ({ $mergeObjects: [unknownFacts, video] });
  const outcome = { $cond: [{ $ifNull: ['$$this.outcome', false] }, withFacts('$$this.outcome'), null] };
  await collection.updateMany({ $or: old }, [
    {
      $set: {
        video: withFacts('$video'),
        takes: { $map: { input: '$takes', in: withFacts('$$this') } },
        clicks: { $map: { input: '$clicks', in: { $mergeObjects: ['$$this', { outcome }] } } },
      },
    },
  ]);
}
