import { useState } from 'react';
import { ApiError } from '../api';
import type { Refusal } from '../generate/refusal';

/** Runs one request at a time, and keeps why the last one did not work. */
export function useRequest() {
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState<Refusal | null>(null);

  async function run(request: () => Promise<unknown>): Promise<void> {
    setIsBusy(true);
    setFault(null);
    try {
      await request();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFault(error);
    } finally {
      setIsBusy(false);
    }
  }

  return { run, isBusy, fault };
}
