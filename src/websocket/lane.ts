/** What a lane needs to know about a message. */
type Item = {
  /** Whether only a few such messages may run at the same time. */
  isLimited: boolean;
  /** Later messages about the same workspace wait for this one. */
  about: { workspace_id?: string };
};

/**
 * Begins the messages of one socket: limited ones at most `maxRunning` at a time, in order, and all others at once, unless
 * an earlier message about the same workspace is waiting here.
 */
export function createLane<Message extends Item>(maxRunning: number, begin: (message: Message) => void) {
  let running = 0;
  let waiting: Message[] = [];

  /** Begins the message, or lets it wait. */
  function add(message: Message): void {
    waiting.push(message);
    release();
  }

  /** Removes an answered message; returns whether it had begun. */
  function leave(message: Message): 'waiting' | 'begun' {
    const isWaiting = waiting.includes(message);
    if (isWaiting) waiting = waiting.filter((other) => other !== message);
    else if (message.isLimited) running--;
    release();
    return isWaiting ? 'waiting' : 'begun';
  }

  function release(): void {
    const blocked = new Set<string>();
    const ready: Message[] = [];
    let isFull = false;
    waiting = waiting.filter((message) => {
      const { isLimited } = message;
      const { workspace_id: about } = message.about;
      const isBlocked = about !== undefined && blocked.has(about);
      const mustWait = isBlocked || (isLimited && (isFull || running >= maxRunning));
      if (mustWait && about !== undefined) blocked.add(about);
      if (mustWait && isLimited) isFull = true;
      if (!mustWait && isLimited) running++;
      if (!mustWait) ready.push(message);
      return mustWait;
    });
    // Last, since beginning a message may answer it at once and call `leave`.
    for (const message of ready) begin(message);
  }

  return { add, leave };
}
