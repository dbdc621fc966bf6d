import type { Accepted } from '../api';
import { useText } from '../i18n';
import { Button } from '../ui/button';
import { closeDialog, Modal } from '../ui/modal';
import { generate } from './generation';

/** Asks before a click that may be paid twice. */
export function SecondCharge({ id, accepted }: { id: string; accepted?: Accepted }) {
  const text = useText();
  const accept = () => {
    closeDialog();
    void generate(id, { ...accepted, accept_second_charge: true });
  };
  return (
    <Modal
      title={text('generate.secondTitle')}
      buttons={
        <>
          <Button onClick={closeDialog}>{text('generateAll.notNow')}</Button>
          <Button kind="danger" onClick={accept}>
            {text('generate.acceptSecond')}
          </Button>
        </>
      }
    >
      <p>{text('generate.askSecond')}</p>
    </Modal>
  );
}
