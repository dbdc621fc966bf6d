import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { generateAll, planAll } from '../state/generation';
import { displayName, providerOf } from '../state/providers';
import { faultsOf, faultText } from '../refusal';
import { numberOf, useStore } from '../state/store';
import { closeDialog, Modal } from './modal';

/** The one question before everything that is new or changed is generated. */
export function GenerateAll() {
  const text = useText();
  const ids = useStore((state) => state.ids);
  const byId = useStore((state) => state.byId);
  const options = useStore((state) => state.options);
  const providers = useStore((state) => state.providers);
  const { ready, lacking, missing, running, unclear } = planAll({ ids, byId, options, providers });
  const names = [
    ...new Set(ready.map(({ _id: id }) => displayName(providerOf({ options, providers }, id)?.name))),
  ].join(text('common.listSeparator'));
  const seconds = ready.reduce((sum, { form_data: form }) => sum + form.duration_s, 0);
  const numbers = (shots: Workspace[]) => shots.map(({ _id: id }) => numberOf(id)).join(text('common.listSeparator'));
  const reasons = (shots: Workspace[]) => {
    const byReason = new Map<string, Workspace[]>();
    for (const shot of shots) {
      const provider = providerOf({ options, providers }, shot._id);
      const faults = faultsOf(shot.form_data, provider);
      const reason = faults.map((fault) => faultText(text, fault, provider?.name)).join(' ');
      byReason.set(reason, [...(byReason.get(reason) ?? []), shot]);
    }
    return [...byReason];
  };
  const titleKey = (['generateAll.none', 'generateAll.titleOne'] as const)[ready.length] ?? 'generateAll.title';
  const start = () => {
    closeDialog();
    void generateAll();
  };

  return (
    <Modal title={text(titleKey, { count: ready.length })} className="question">
      {ready.length > 0 && (
        <>
          <p className="generate-all-shots">
            {text(ready.length === 1 ? 'generateAll.shot' : 'generateAll.shots', { shots: numbers(ready) })}
          </p>
          <p>{text('generateAll.what', { provider: names, seconds })}</p>
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
      <div className="modal-buttons">
        <button type="button" className="button" onClick={closeDialog}>
          {text('generateAll.notNow')}
        </button>
        <button type="button" className="button primary" disabled={ready.length === 0} onClick={start}>
          {text('generateAll.start')}
        </button>
      </div>
    </Modal>
  );
}
