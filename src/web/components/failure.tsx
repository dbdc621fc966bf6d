import type { Workspace } from '../../contract/workspace';
import { errorKey, useText } from '../i18n';
import { dismissClick, isLost } from '../state/generation';
import type { RefusedClick } from '../state/store';
import { Icon } from './icon';
import { fieldId } from './field';

type Props = { workspace: Workspace; click?: RefusedClick; onRetry: () => void };

const needsAnotherPrompt = new Set<string>(['CONTENT_REFUSED', 'TASK_FAILED']);
const needsSettings = new Set<string>(['PROVIDER_NOT_CONFIGURED', 'PROVIDER_AUTH', 'PROVIDER_QUOTA', 'IMAGE_MISSING']);

/** Why there is no clip: our sentence, whether it was charged, and the one thing to do. */
export function Failure({ workspace: { _id: id, video }, click: refused, onRetry }: Props) {
  const text = useText();
  // One that another attempt has followed was taken after all.
  const click = refused?.before === video.attempt_id ? refused : undefined;
  const code = click?.code ?? video.error?.code;
  if (!code || (!click && video.status !== 'failed')) return null;
  const ofClick = click && (isLost(click.code) ? 'maybe' : 'no');
  const charged = ofClick ?? video.error?.charged ?? 'no';
  const retry = () => {
    dismissClick(id);
    onRetry();
  };

  return (
    <div className={`failure ${code === 'CANCELLED' ? 'is-calm' : ''}`} role="alert">
      <Icon name="warning" />
      <p>
        {text(errorKey(code))} <span className="failure-charged">{text(`generate.charged.${charged}`)}</span>
      </p>
      {needsAnotherPrompt.has(code) ? (
        <button
          type="button"
          className="button small"
          onClick={() => document.getElementById(fieldId('prompt'))?.focus()}
        >
          {text('generate.changePrompt')}
        </button>
      ) : (
        !needsSettings.has(code) && (
          <button type="button" className="button small" onClick={retry}>
            {text('common.retry')}
          </button>
        )
      )}
    </div>
  );
}
