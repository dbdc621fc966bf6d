import type { ErrorCode } from '../../contract/errors';
import { ApiError } from '../api';
import { sync } from '../state/connection';

const sendsOfOneClick = 4;
const pauseMs = 1500;
const savedWithinMs = 5000;
const lostCodes: (ErrorCode | 'NETWORK')[] = ['NETWORK', 'DATABASE_UNAVAILABLE'];

/** Whether the answer to a click was lost, so that it may have been taken. */
export const isLost = (code: ErrorCode | 'NETWORK'): boolean => lostCodes.includes(code);

/** Sends a click, and the same again where there is no answer: under one request_id it is paid once. Throws an ApiError. */
export async function sendUntilAnswered<Reply>(send: () => Promise<Reply>): Promise<Reply> {
  for (let sends = 1; ; sends++) {
    try {
      return await send();
    } catch (error) {
      const mayBeTaken = error instanceof ApiError && isLost(error.code);
      if (!mayBeTaken || sends >= sendsOfOneClick) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * sends));
    }
  }
}

/** Sends what is typed, and waits until the server has it, but not for ever. */
export function editsStored(): Promise<void> {
  sync.flush();
  const isSaved = () => sync.getSnapshot().waiting === 0;
  if (isSaved()) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(finish, savedWithinMs);
    const unsubscribe = sync.subscribe(() => isSaved() && finish());
  });
}
