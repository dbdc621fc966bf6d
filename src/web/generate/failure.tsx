import { useShallow } from 'zustand/react/shallow';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { putAwayUnsent } from '../state/batches';
import { sync } from '../state/connection';
import { useStore, type RefusedClick } from '../state/store';
import { Alert } from '../ui/alert';
import { Button } from '../ui/button';
import { fieldId } from '../form/field';
import { ChargedWords, isNoted } from './charged-words';
import { failureOf } from './failures';
import { dismissClick } from './generation';
import { CostsLink } from './costs-link';
import { isOfLimit, LimitButtons, PassedLimits } from './limit-refusal';
import { faultsIn, refusalText } from './refusal';
import { isLost } from './send';
import { WaysOut } from './ways-out';

type Props = { workspace: Workspace; click?: RefusedClick; onRetry: () => void };

export const generateButtonId = 'generate';

const needsAnotherPrompt = new Set<string>(['CONTENT_REFUSED', 'TASK_FAILED']);
/** What must be put right elsewhere before another try can help. */
const needsMore = new Set<string>([
  'PROVIDER_NOT_CONFIGURED',
  'PROVIDER_AUTH',
  'PROVIDER_QUOTA',
  'IMAGE_MISSING',
  'PREVIOUS_CLIP_MISSING',
  'NEXT_IMAGE_MISSING',
]);

/** Why there is no new clip: one sentence, whether it was charged, the one thing to do, and a way to put it away. */
export function Failure({ workspace, click, onRetry }: Props) {
  const text = useText();
  const language = useStore((state) => state.language);
  const unsent = useStore(useShallow(({ batches, putAway }) => ({ batches, putAway })));
  const failure = failureOf(workspace, click, unsent);
  if (!failure) return null;
  const { _id: id, video } = workspace;
  const { code, isOfClick, isUnsent = false } = failure;
  const ofClick = isOfClick && (isLost(code) ? 'maybe' : 'no');
  const charged = ofClick || (!isUnsent && video.error?.charged) || 'no';
  // The server has several sentences for this code, and each names what to look at.
  const isServers = code === 'SUBMIT_UNKNOWN' && language === 'en' && !isOfClick;
  const sentence = isServers ? video.error!.message : refusalText(text, failure);
  const faults = faultsIn(failure);
  const isOfPrompt = needsAnotherPrompt.has(code) || faults.some(({ field }) => field === 'prompt');
  // To send the same form again would be refused again.
  const canRetry = faults.length === 0 && !needsMore.has(code);
  const canClose = isOfClick || charged !== 'maybe';
  const close = () => {
    if (isOfClick) dismissClick(id);
    else if (isUnsent) putAwayUnsent(id);
    else if (video.attempt_id) sync.dismissFailure(id, video.attempt_id);
  };
  const retry = () => {
    dismissClick(id);
    onRetry();
  };

  return (
    <Alert isCalm={code === 'CANCELLED'}>
      <p>
        {!isNoted(code, isOfClick, charged) && sentence + text('common.sentenceGap')}
        {isOfLimit(code) && <PassedLimits id={id} />}
        {!isUnsent && (
          <span className="muted">
            <ChargedWords video={video} code={code} charged={charged} isOfClick={isOfClick} />
          </span>
        )}
      </p>
      {!isOfClick && charged === 'maybe' && <CostsLink>{text('generate.settle')}</CostsLink>}
      {isOfLimit(code) ? (
        <LimitButtons id={id} code={code} accepted={isOfClick ? click?.accepted : undefined} />
      ) : isOfPrompt ? (
        <Button size="small" onClick={() => document.getElementById(fieldId('prompt'))?.focus()}>
          {text('generate.changePrompt')}
        </Button>
      ) : (
        canRetry && (
          <Button size="small" onClick={retry}>
            {text('common.retry')}
          </Button>
        )
      )}
      {faults.length > 0 && <WaysOut focusId={generateButtonId} />}
      {canClose && (
        <Button size="small" onClick={close}>
          {text('common.close')}
        </Button>
      )}
    </Alert>
  );
}
