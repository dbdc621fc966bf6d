import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

const bootRoundingMs = 600_000;

/**
 * The place in which a process number means one process: this start of this machine and, where there are such, this container.
 * A host name would not do: machines and containers share those.
 */
const place = createHash('sha1').update(bootOf()).digest('hex').slice(0, 16);

/** Names this process for other servers on the same database: place, process number and start. */
export const processId = `${place}:${process.pid}:${Date.now().toString(36)}`;

let stamps = 0;

/** A mark of this process that no other write carries, with the number of versions that the write counts. */
export const ownStamp = (versions = 1): string => `${processId} ${++stamps} ${versions}`;

/** How many versions the write with that mark counts. */
export const versionsOf = (stamp: unknown): number => Number(String(stamp).split(' ')[2]) || 1;

/** Whether this process made a mark. */
export const isOwnStamp = (stamp: unknown): boolean => String(stamp).startsWith(`${processId} `);

/** Whether that process certainly runs no more; false where it lives, or in a place that cannot be seen from here. */
export function isProcessGone(id: string): boolean {
  const [otherPlace, pid] = id.split(':');
  if (otherPlace !== place) return false;
  if (Number(pid) === process.pid) return id !== processId;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

function bootOf(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: the moment of the start, as exact as a clock that is corrected allows.
    return `${hostname()} ${Math.round((Date.now() - uptime() * 1000) / bootRoundingMs)}`;
  }
}
