import { useText } from '../i18n';
import { cancel, generate } from '../state/generation';
import { displayName, providerOf } from '../state/providers';
import { setState, useSelected, useStore } from '../state/store';
import { Failure } from './failure';
import { GenerateProgress } from './generate-progress';
import { Icon } from './icon';

/** Says what a click will do, and then what is being done. */
export function GenerateBar() {
  const text = useText();
  const workspace = useSelected();
  const provider = useStore((state) => (state.selectedId ? providerOf(state, state.selectedId) : undefined));
  const click = useStore(({ clicks, selectedId }) => clicks[selectedId ?? '']);
  if (!workspace) return null;

  const { _id: id, video, form_data: form, image_path: picture } = workspace;
  const isGenerating = video.status === 'generating';
  const isSending = click === 'sending' && !isGenerating;
  const what = picture
    ? `${displayName(provider?.name)} · ${text('common.seconds', { count: form.duration_s })}`
    : text('generate.needsPicture');
  const start = () => {
    if (video.error?.code === 'SUBMIT_UNKNOWN') setState({ dialog: { secondCharge: id } });
    else void generate(id);
  };

  return (
    <div className="generate-bar">
      {isGenerating ? (
        <>
          <GenerateProgress video={video} />
          <button type="button" className="button" onClick={() => void cancel(id)}>
            {text('common.cancel')}
          </button>
        </>
      ) : (
        <>
          <button
            type="button"
            className="button primary large generate-button"
            aria-describedby="generate-what"
            disabled={!picture || isSending}
            onClick={start}
          >
            <Icon name="sparkle" /> {text('common.generate')}
          </button>
          <span className="generate-what muted" id="generate-what">
            {what}
          </span>
          {isSending && <span className="spinner" aria-hidden="true" />}
          <Failure workspace={workspace} click={typeof click === 'object' ? click : undefined} onRetry={start} />
        </>
      )}
    </div>
  );
}
