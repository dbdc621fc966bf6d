import { trusted } from 'mongoose';
import type { Charge as WireCharge, Cost } from '../contract/money';
import type { VideoError } from '../contract/video';
import { Charge } from '../db/charge';
import type { Job } from '../db/job';
import { noChargeProviders } from '../services/providers';

export type ChargeChange = { state?: WireCharge['state']; cost?: Cost };

const stateOfCharged = { no: 'none', yes: 'charged', maybe: 'maybe' } as const;

/** The state of a charge of which a video says whether it was charged. */
export const chargeState = (charged: VideoError['charged']): WireCharge['state'] => stateOfCharged[charged];

/**
 * Records what has become of the charge of an attempt; changes nothing if another process has taken over the attempt since, and
 * never makes unclear what is known.
 */
export async function recordCharge(
  { attempt_id, provider, lease: { epoch } }: Pick<Job, 'attempt_id' | 'provider' | 'lease'>,
  { state, cost }: ChargeChange,
): Promise<void> {
  if ((!state && !cost) || noChargeProviders.includes(provider)) return;
  const isKnown = state === 'charged' || state === 'none';
  await Charge.updateOne(
    {
      attempt_id,
      epoch: trusted({ $lte: epoch }),
      ...(state === 'maybe' && { state: trusted({ $in: ['reserved', 'maybe'] }) }),
    },
    {
      $set: {
        epoch,
        ...(state && { state, settled_at: isKnown ? new Date() : null }),
        ...(cost && { cost }),
      },
    },
  );
}

/** Whether it is recorded that an attempt costs nothing. */
export const isKnownFree = async (attemptId: string): Promise<boolean> =>
  (await Charge.exists({ attempt_id: attemptId, state: 'none' })) !== null;
