import { readyToSend, type Waiting } from './outbox';
import type { Snapshots } from './snapshot';
import type { SyncSocket } from './socket';
import { withBase, type ClientState } from './state';

type Parts = { state: ClientState; socket: SyncSocket; snapshots: Snapshots };

const retryBaseMs = 500;
const retryCapMs = 8000;

export type Delivery = ReturnType<typeof createDelivery>;

/** Sends the waiting messages in order, and each again until it is answered. */
export function createDelivery({ state, socket, snapshots }: Parts) {
  function sendReady(): void {
    if (!state.isReady || !socket.isOpen()) return;
    for (const entry of readyToSend(state.outbox, Date.now())) {
      entry.isInFlight = true;
      // Its author has seen what was acknowledged while it waited.
      if (entry.sends === 0) entry.message = withBase(state, entry.message);
      entry.sends++;
      socket.send(entry.message, () => {
        entry.isInFlight = false;
        sendReady();
      });
    }
  }

  /** Sends a message again after a pause that grows with each sending. */
  function sendLater(entry: Waiting): void {
    const limitMs = Math.min(retryCapMs, retryBaseMs * 2 ** Math.min(entry.sends, 5));
    const waitMs = limitMs * (0.5 + Math.random() / 2);
    entry.notBefore = Date.now() + waitMs;
    setTimeout(sendReady, waitMs + 1);
    snapshots.refresh();
  }

  return {
    /** Sends every message that may be sent now. */
    sendReady,
    sendLater,
    /** A lost connection brings no answers, so every message is due again. */
    disconnected(): void {
      state.acknowledgedVersions.clear();
      for (const entry of state.outbox) Object.assign(entry, { isInFlight: false, notBefore: 0 });
    },
  };
}
