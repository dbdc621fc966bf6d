import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { displayName, generateAll, planAll, providerOf } from '../state/generation';
import { numberOf, useStore } from '../state/store';
import { closeDialog, Modal } from './modal';

/** The one question before everything that is new or changed is generated. */
export function GenerateAll() {
  const text = useText();
  const ids = useStore((state) => state.ids);
  const byId = useStore((state) => state.byId);
  const options = useStore((state) => state.options);
  const providers = useStore((state) => state.providers);
  const { ready, missing, running, unclear } = planAll({ ids, byId });
  const names = [
    ...new Set(ready.map(({ _id: id }) => displayName(providerOf({ options, providers }, id)?.name))),
  ].join(', ');
  const seconds = ready.reduce((sum, { form_data: form }) => sum + form.duration_s, 0);
  const numbers = (shots: Workspace[]) => shots.map(({ _id: id }) => numberOf(id)).join(', ');
  const titleKey = (['generateAll.none', 'generateAll.titleOne'] as const)[ready.length] ?? 'generateAll.title';
  const start = () => {
    closeDialog();
    void generateAll();
  };

  return (
    <Modal title={text(titleKey, { count: ready.length })} className="question">
      {ready.length > 0 && <p>{text('generateAll.what', { provider: names, seconds })}</p>}
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
