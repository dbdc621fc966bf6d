import { useText, type Translate } from '../i18n';
import { isWaitingInBatch, waitsForNumber } from '../state/batches';
import { displayName, formFaults, providerOf } from '../state/providers';
import { lacksOf, type Lack } from '../state/sources';
import { setState, useSelected, useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import { Icon } from '../ui/icon';
import { dateWords, useMoney } from '../ui/money';
import { Failure, generateButtonId } from './failure';
import styles from './generate-bar.module.css';
import { GenerateProgress } from './generate-progress';
import { cancel, generate } from './generation';
import { expectedPrice } from './price';

/** Says what a click will do and cost, and then what is being done. */
export function GenerateBar() {
  const text = useText();
  const { about } = useMoney();
  const workspace = useSelected();
  const language = useStore((state) => state.language);
  const options = useStore((state) => state.options);
  const click = useStore(({ clicks, selectedId }) => clicks[selectedId ?? '']);
  const lack = useStore((state) => workspace && lackWords(text, lacksOf(workspace, state)));
  const isWaiting = useStore((state) => workspace !== undefined && isWaitingInBatch(state, workspace._id));
  if (!workspace) return null;

  const { _id: id, video, form_data: form } = workspace;
  const isGenerating = video.status === 'generating';
  const isSending = click === 'sending' && !isGenerating;
  // A prompt that is still to be written changes no price.
  const canBeMade = formFaults({ options }, form).every(({ field }) => field === 'prompt');
  const price = canBeMade ? expectedPrice({ options }, form) : null;
  const priceWords = price && (price === 'unknown' ? text('money.unknown') : about(price.money));
  const pricedOn = price && price !== 'unknown' && price.pricedOn;
  const provider = displayName(providerOf({ options }, form)?.name ?? form.provider);
  const what = `${provider} · ${text('common.seconds', { count: form.duration_s })}`;
  const start = () => {
    if (video.error?.code === 'SUBMIT_UNKNOWN' && video.error.charged === 'maybe')
      setState({ dialog: { secondCharge: id } });
    else void generate(id);
  };

  return (
    <div className={styles.bar}>
      {isGenerating || isWaiting ? (
        <>
          {isGenerating ? <GenerateProgress video={video} /> : <Waiting id={id} />}
          <Button onClick={() => void cancel(id)}>{text('common.cancel')}</Button>
        </>
      ) : (
        <>
          <Button
            id={generateButtonId}
            kind="primary"
            size="large"
            className={styles.button}
            aria-describedby={pricedOn ? 'generate-what generate-price' : 'generate-what'}
            disabled={lack !== undefined || isSending}
            onClick={start}
          >
            <Icon name="sparkle" />{' '}
            {priceWords ? text('generate.priced', { price: priceWords }) : text('common.generate')}
          </Button>
          <span className={classes(styles.what, 'muted')} id="generate-what">
            {lack ?? what}
          </span>
          {pricedOn && (
            <span className={classes(styles.what, 'muted')} id="generate-price">
              {text('money.pricedOn', { date: dateWords(language, pricedOn) })}
            </span>
          )}
          {isSending && <span className={styles.spinner} aria-hidden="true" />}
          <Failure workspace={workspace} click={typeof click === 'object' ? click : undefined} onRetry={start} />
        </>
      )}
    </div>
  );
}

/** That a shot waits in a batch, and for which other one. */
function Waiting({ id }: { id: string }) {
  const text = useText();
  const number = useStore((state) => waitsForNumber(state, id));
  return (
    <p className={styles.waiting}>{number === null ? text('generate.waiting') : text('card.waitingFor', { number })}</p>
  );
}

/** What has to be there before the click, in words; undefined where nothing is missing. */
const lackWords = (text: Translate, lacks: Lack[]): string | undefined =>
  lacks.map(({ what, number }) => text(`source.lacks.${what}`, { number })).join(' · ') || undefined;
