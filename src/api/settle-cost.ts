import { z } from 'zod';
import { chargeMaxMicros } from '../contract/limits';
import { charge } from '../contract/money';
import { settleCharge } from '../generation/settle';
import { defineEndpoint } from '../utils/endpoint';

/** Settles an unclear charge. */
export const settleCost = defineEndpoint({
  method: 'post',
  path: '/api/costs/settle',
  summary:
    'Settles a charge that is `maybe` with what its account at the vendor says; `micros` is the amount, if it differs from the one known.',
  body: z.strictObject({
    attempt_id: z.string().min(1).max(100),
    charged: z.boolean(),
    micros: z.int().min(0).max(chargeMaxMicros).optional(),
  }),
  reply: z.strictObject({ charge }),
  errors: ['INVALID_INPUT', 'NOT_UNCLEAR', 'DATABASE_UNAVAILABLE'],
  handle: async ({ body }) => ({ charge: await settleCharge(body) }),
});
