import type { Workspace } from '../../contract/workspace';
import { listWords, useText } from '../i18n';
import { displayName, formFaults, providerOf } from '../state/providers';
import { numberOf, useStore } from '../state/store';
import { Button } from '../ui/button';
import { closeDialog, Modal } from '../ui/modal';
import { GenerateSum } from './generate-sum';
import { generateAll, planAll } from './generation';
import { faultText } from './refusal';

type Props = {
  /** The shots that were chosen for it; without, everything that is new or changed. */
  chosen?: readonly string[];
};

/** The one question before many shots are generated. */
export function GenerateAll({ chosen }: Props) {
  const text = useText();
  const ids = useStore((state) => state.ids);
  const byId = useStore((state) => state.byId);
  const options = useStore((state) => state.options);
  const films = useStore((state) => state.films);
  const filmId = useStore((state) => state.filmId);
  const { ready, lacking, missing, running, unclear } = planAll({ ids, byId, options, films, filmId }, chosen);
  const names = new Set(ready.map(({ form_data: form }) => displayName(providerOf({ options }, form)?.name)));
  const seconds = ready.reduce((sum, { form_data: form }) => sum + form.duration_s, 0);
  const numbers = (shots: Workspace[]) => shots.map(({ _id: id }) => numberOf(id)).join(text('common.listSeparator'));
  const reasons = (shots: Workspace[]) => {
    const byReason = new Map<string, Workspace[]>();
    for (const shot of shots) {
      const form = shot.form_data;
      const provider = providerOf({ options }, form)?.name ?? form.provider;
      const reason = formFaults({ options }, form)
        .map((fault) => faultText(text, fault, provider))
        .join(text('common.sentenceGap'));
      byReason.set(reason, [...(byReason.get(reason) ?? []), shot]);
    }
    return [...byReason];
  };
  const titleKey = (['generateAll.none', 'generateAll.titleOne'] as const)[ready.length] ?? 'generateAll.title';
  const start = () => {
    closeDialog();
    void generateAll(chosen);
  };

  return (
    <Modal
      title={text(titleKey, { count: ready.length })}
      buttons={
        <>
          <Button onClick={closeDialog}>{text('generateAll.notNow')}</Button>
          <Button kind="primary" disabled={ready.length === 0} onClick={start}>
            {text('generateAll.start')}
          </Button>
        </>
      }
    >
      {ready.length > 0 && (
        <>
          <p>{text(ready.length === 1 ? 'generateAll.shot' : 'generateAll.shots', { shots: numbers(ready) })}</p>
          <p>
            {text(chosen ? 'generateAll.whatChosen' : 'generateAll.what', {
              provider: listWords(text, [...names]),
              count: seconds,
            })}
          </p>
          <GenerateSum shots={ready} />
        </>
      )}
      {reasons(lacking).map(([reason, shots]) => (
        <p className="muted" key={reason}>
          {text('generateAll.lacking', { reason, shots: numbers(shots) })}
        </p>
      ))}
      {missing.length > 0 && <p className="muted">{text('generateAll.missing', { shots: numbers(missing) })}</p>}
      {running.length > 0 && <p className="muted">{text('generateAll.running', { shots: numbers(running) })}</p>}
      {unclear.length > 0 && <p className="muted">{text('generateAll.unclear', { shots: numbers(unclear) })}</p>}
    </Modal>
  );
}
