import { Workspace } from '../workspace';

const renamedStates = {
  waiting: 'queued',
  sent: 'submitting',
  following: 'polling',
  fetching: 'downloading',
  overdue: 'timed_out',
  undelivered: 'download_failed',
  unclear: 'in_doubt',
};

/** Migrates jobs of 1.0.0 to the present names of their states, and adds missing fields. */
export async function migrateGenerationStates(): Promise<void> {
  // Uses the driver, since the old fields are not in the schema.
  const { collection } = Workspace;
  const isOld = { $or: [{ late: { $exists: true } }, { 'job.sends': { $exists: true } }] };
  await collection.updateMany(isOld, [
    {
      $set: {
        job: { $cond: [{ $ifNull: ['$job', false] }, newJob('$job'), null] },
        // A newer click could replace an unclear one only after the user had accepted a second charge.
        superseded: {
          $map: { input: { $ifNull: ['$late', []] }, in: newJob('$$this', { $eq: ['$$this.state', 'unclear'] }) },
        },
      },
    },
    { $unset: ['late', 'job.sends', 'superseded.sends'] },
  ]);
}

const newJob = (job: string, isRiskAccepted: object | boolean = false) => ({
  $mergeObjects: [
    job,
    {
      state: {
        $switch: {
          branches: Object.entries(renamedStates).map(([before, now]) => ({
            case: { $eq: [`${job}.state`, before] },
            then: now,
          })),
          default: `${job}.state`,
        },
      },
      submit_attempts: { $ifNull: [`${job}.sends`, 0] },
      cancelled_at: null,
      risk_accepted: isRiskAccepted,
      step: 'migrated',
    },
  ],
});
