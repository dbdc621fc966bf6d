/** What a lane needs to know about a message. */
type Item = {
  /** Whether it counts towards `maxRunning`. */
  isLimited: boolean;
  /** Later messages about the same workspace, or else the same film, wait for this one. */
  about: { workspace_id?: string; film_id?: string };
};

/**
 * Begins the messages of one socket: limited ones at most `maxRunning` at a time, in order, and all others at once, unless
 * an earlier message about the same workspace or film is waiting here.
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
  function remove(message: Message): 'waiting' | 'begun' {
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
      const about = message.about.workspace_id ?? message.about.film_id;
      const isBlocked = about !== undefined && blocked.has(about);
      const mustWait = isBlocked || (isLimited && (isFull || running >= maxRunning));
      if (mustWait && about !== undefined) blocked.add(about);
      if (mustWait && isLimited) isFull = true;
      if (!mustWait && isLimited) running++;
      if (!mustWait) ready.push(message);
      return mustWait;
    });
    // Last, since beginning a message may answer it at once and call `remove`.
    for (const message of ready) begin(message);
  }

  return { add, remove };
}
