import { useId, useState } from 'react';
import type { ErrorCode } from '../../contract/errors';
import type { Charge } from '../../contract/money';
import { ApiError, settleCharge } from '../api';
import { errorKey, useText } from '../i18n';
import { Button } from '../ui/button';
import { ChargeWords } from './charge-words';
import styles from './unclear.module.css';
import { useAmount } from './use-amount';

type Props = { charge: Charge; onSettled: () => void };

/** The id of the row of an unclear charge in the page. */
export const unclearRowId = (attemptId: string): string => `unclear-${attemptId}`;

/** One charge that may have been made, with what the account at the vendor can say about it. */
export function UnclearCharge({ charge, onSettled }: Props) {
  const text = useText();
  const id = useId();
  const { typed, read, isWrong, type, leave } = useAmount(charge.cost?.currency ?? null);
  const [state, setState] = useState<'open' | 'sending' | { error: ErrorCode | 'NETWORK' }>('open');
  const micros = read(typed ?? '');

  const settle = async (charged: boolean) => {
    if (charged && micros === undefined) return;
    setState('sending');
    const amount = charged && typeof micros === 'number' ? { micros } : {};
    try {
      await settleCharge({ attempt_id: charge.attempt_id, charged, ...amount });
      onSettled();
    } catch (error) {
      setState({ error: error instanceof ApiError ? error.code : 'NETWORK' });
      // Another window may have settled it.
      if (error instanceof ApiError && error.code === 'NOT_UNCLEAR') onSettled();
    }
  };

  return (
    <li className={styles.charge} id={unclearRowId(charge.attempt_id)} tabIndex={-1}>
      <ChargeWords charge={charge} />
      <span className={styles.amount}>
        <label htmlFor={id}>
          {charge.cost ? text('costs.amount', { currency: charge.cost.currency }) : text('costs.amountAtVendor')}
        </label>
        <input
          id={id}
          inputMode="decimal"
          autoComplete="off"
          placeholder={text(charge.cost ? 'costs.asEstimated' : 'money.unknown')}
          aria-invalid={isWrong}
          aria-describedby={`${id}-note`}
          value={typed ?? ''}
          onChange={({ target }) => type(target.value)}
          onBlur={leave}
        />
      </span>
      <span className={styles.buttons}>
        <Button disabled={state === 'sending'} onClick={() => void settle(true)}>
          {text('costs.wasCharged')}
        </Button>
        <Button disabled={state === 'sending'} onClick={() => void settle(false)}>
          {text('costs.wasNotCharged')}
        </Button>
      </span>
      <p className={isWrong ? styles.wrong : 'hidden'} id={`${id}-note`} aria-live="polite">
        {isWrong && text('costs.noAmount')}
      </p>
      {typeof state === 'object' && <p role="alert">{text(errorKey(state.error))}</p>}
    </li>
  );
}
