import { useText } from '../i18n';
import { generate } from '../state/generation';
import { closeDialog, Modal } from './modal';

/** Asks before a click that may be paid twice. */
export function SecondCharge({ id }: { id: string }) {
  const text = useText();
  const accept = () => {
    closeDialog();
    void generate(id, true);
  };
  return (
    <Modal title={text('generate.refused')} className="question">
      <p>{text('generate.askSecond')}</p>
      <div className="modal-buttons">
        <button type="button" className="button" onClick={closeDialog}>
          {text('generateAll.notNow')}
        </button>
        <button type="button" className="button danger" onClick={accept}>
          {text('generate.acceptSecond')}
        </button>
      </div>
    </Modal>
  );
}
