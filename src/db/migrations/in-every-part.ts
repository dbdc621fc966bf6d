/** The expressions that bring a form, a video and a job of a workspace up to date, each for the path where it stands. */
type Expressions = Record<'form' | 'video' | 'job', (path: string) => object>;

/** The stage that applies them to every form, video and job that a workspace has. */
export const inEveryPart = ({ form, video, job }: Expressions) => ({
  form_data: form('$form_data'),
  video: video('$video'),
  takes: { $map: { input: '$takes', in: video('$$this') } },
  clicks: {
    $map: {
      input: '$clicks',
      in: { $mergeObjects: ['$$this', { outcome: unlessNull('$$this.outcome', video('$$this.outcome')) }] },
    },
  },
  job: unlessNull('$job', job('$job')),
  superseded: { $map: { input: '$superseded', in: job('$$this') } },
});

/** The expression, or null where there is no value. */
export const unlessNull = (value: string, expression: object) => ({
  $cond: [{ $ifNull: [value, false] }, expression, null],
});
