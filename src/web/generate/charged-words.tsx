import type { ErrorCode } from '../../contract/errors';
import type { Video, VideoError } from '../../contract/video';
import { useText } from '../i18n';
import { displayName } from '../state/providers';
import { useMoney } from '../ui/money';
import { useCostsNow } from './use-costs-now';

type Props = {
  video: Video;
  code: ErrorCode | 'NETWORK';
  charged: VideoError['charged'];
  /** Whether it is about a click, which has no attempt of its own. */
  isOfClick: boolean;
};

/** Whether an attempt without a clip was charged, and how much. */
export function ChargedWords({ video, code, charged, isOfClick }: Props) {
  const text = useText();
  const { cost: costWords } = useMoney();
  // Only the charge has the amount that a person found in the account.
  const costs = useCostsNow(!isOfClick && charged === 'yes');
  const charge = costs?.charges.find(({ attempt_id: id }) => id === video.attempt_id);
  const cost = charge?.cost ?? video.cost;
  const isPriced = !isOfClick && cost !== null;
  const values = { provider: displayName(video.provider), price: cost ? costWords(cost) : '' };

  if (charged === 'no') return text(isNoted(code, isOfClick, charged) ? 'generate.noted.no' : 'generate.charged.no');
  if (isNoted(code, isOfClick, charged)) {
    return text(isPriced ? 'generate.noted.yesPriced' : 'generate.noted.yes', values);
  }
  if (charged === 'yes') return text(isPriced ? 'generate.charged.yesPriced' : 'generate.charged.yes', values);
  if (!isPriced) return text('generate.charged.maybe');
  if (code === 'CANCELLED') return text('generate.charged.mayStill', values);
  return text('generate.charged.maybe') + text('common.sentenceGap') + text('generate.priceIs', values);
}

/** Whether a person has said what became of a lost answer. */
export const isNoted = (code: Props['code'], isOfClick: boolean, charged: VideoError['charged']): boolean =>
  code === 'SUBMIT_UNKNOWN' && !isOfClick && charged !== 'maybe';
