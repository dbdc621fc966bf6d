import { isDeepStrictEqual } from 'node:util';
import type { Neighbours } from '../contract/continuity';
import type { ErrorCode } from '../contract/errors';
import type { FormData } from '../contract/form';
import { madeStates, type Job } from '../db/job';
import type { StoredWorkspace } from '../db/workspace';
import { videoProvider } from '../services/providers';
import { AppError } from '../utils/errors';
import { chooseModel, type Choice } from './model-choice';
import { isMadeFrom, requireEnd, requireStart } from './sources';

type Wanted = {
  provider?: string;
  acceptSecondCharge: boolean;
  /** Whether the clip before it is made first, so that it need not be there yet. */
  waitsForPrevious?: boolean;
  /** What the user saw; nothing starts if the stored state differs. */
  expects?: { form_data: Partial<FormData>; image_path: string | null; end_image_path?: string | null };
};

/** What a click starts: a clip that is made and paid is only downloaded, else a new one is made. */
type Checked = { made: Job; choice?: undefined } | { made?: undefined; choice: Choice };

/** Checks everything about a click that can be checked before money is spent, and throws what is wrong. */
export async function checkClick(shot: StoredWorkspace, neighbours: Neighbours, wanted: Wanted): Promise<Checked> {
  if (wanted.provider !== undefined) videoProvider(wanted.provider);
  if (shot.video.status === 'generating') {
    throw new AppError('VIDEO_IN_PROGRESS', 'This workspace is already generating a video; wait for it or cancel it.');
  }
  refuseIfChanged(shot, wanted);
  const made = findMade(shot, neighbours, wanted);
  if (made) return { made };
  await requireStart(shot, neighbours, wanted.waitsForPrevious);
  if (isInDoubt(shot) && !wanted.acceptSecondCharge) throw secondChargePossible();
  const choice = chooseModel(shot.form_data, wanted.provider);
  // Last, since a model that takes no end frame does not need one.
  await requireEnd(shot, neighbours);
  return { choice };
}

function refuseIfChanged(shot: StoredWorkspace, { expects }: Wanted): void {
  if (!expects) return;
  const { form_data: form, image_path, end_image_path = shot.end_image_path } = expects;
  const seen = Object.entries(form).every(([field, value]) => shot.form_data[field as keyof FormData] === value);
  if (seen && image_path === shot.image_path && end_image_path === shot.end_image_path) return;
  const message =
    'The stored form or image differs from what you saw, so nothing was started; check it and click again.';
  throw new AppError('FORM_CHANGED', message);
}

/** The newest attempt with the same form and pictures whose clip is made and paid, but not downloaded. */
function findMade(
  shot: StoredWorkspace,
  neighbours: Neighbours,
  { provider }: Pick<Wanted, 'provider'> = {},
): Job | undefined {
  const attempts = [...shot.superseded, ...(shot.job ? [shot.job] : [])];
  return attempts.findLast(
    (made) =>
      madeStates.includes(made.state) &&
      isMadeFrom(made, shot, neighbours) &&
      (provider === undefined || provider === made.provider) &&
      isDeepStrictEqual(made.form_data, shot.form_data),
  );
}

/** Whether an attempt in doubt may have been charged, and no user has accepted that risk. */
export function isInDoubt({ job, superseded, video }: Pick<StoredWorkspace, 'job' | 'superseded' | 'video'>): boolean {
  const doubtful = [...superseded, ...(job ? [job] : [])].filter(
    ({ state, risk_accepted: isAccepted }) => !isAccepted && (state === 'in_doubt' || state === 'submitting'),
  );
  const isUnclear = video.error?.code === ('SUBMIT_UNKNOWN' satisfies ErrorCode) && video.error.charged === 'maybe';
  return doubtful.length > 0 || isUnclear;
}

/** The error of a click that may pay a second time. */
export const secondChargePossible = (): AppError =>
  new AppError(
    'SECOND_CHARGE_POSSIBLE',
    'The last generation may have been charged; check your account, then send accept_second_charge: true.',
  );
