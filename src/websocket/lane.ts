/** What a lane must know of a message. */
type Item = {
  /** Of the few that may be begun at once. */
  isLimited: boolean;
  /** Whatever is about the same workspace comes after it. */
  about: { workspace_id?: string };
};

/**
 * Begins the messages of one socket: limited ones `most` at a time, in their order, and the rest at once, but for what is
 * about the same as a message that waits here.
 */
export function createLane<Message extends Item>(most: number, begin: (message: Message) => void) {
  let running = 0;
  let waiting: Message[] = [];

  /** Begins the message, or lets it wait for its turn. */
  function add(message: Message): void {
    waiting.push(message);
    release();
  }

  /** Tells that a message has its answer; returns whether it was begun before. */
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
      const mustWait = isBlocked || (isLimited && (isFull || running >= most));
      if (mustWait && about !== undefined) blocked.add(about);
      if (mustWait && isLimited) isFull = true;
      if (!mustWait && isLimited) running++;
      if (!mustWait) ready.push(message);
      return mustWait;
    });
    // Beginning one may answer it at once, and so come back here.
    for (const message of ready) begin(message);
  }

  return { add, leave };
}
