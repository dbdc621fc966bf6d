import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

const bootRoundingMs = 600_000;

/**
 * The scope in which a process id is unique: this boot of this machine and, if any, this container. A host name would not do,
 * since machines and containers may share one.
 */
const pidScope = createHash('sha1').update(bootOf()).digest('hex').slice(0, 16);

/** Identifies this process to other servers on the same database: scope, process id and start time. */
export const processId = `${pidScope}:${process.pid}:${Date.now().toString(36)}`;

let writes = 0;

/** An id for one write of this process, with the number of versions that the write counts. */
export const newWriteId = (versions = 1): string => `${processId} ${++writes} ${versions}`;

/** How many versions the write with this id counts. */
export const versionsOf = (writeId: unknown): number => Number(String(writeId).split(' ')[2]) || 1;

/** Whether a write id comes from this process. */
export const isOwnWriteId = (writeId: unknown): boolean => String(writeId).startsWith(`${processId} `);

/** Whether that process has certainly ended; false if it runs, or if it is on another machine. */
export function isProcessGone(id: string): boolean {
  const [scope, pid] = id.split(':');
  if (scope !== pidScope) return false;
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
    // Not Linux: the boot time, rounded because the clock may be adjusted.
    return `${hostname()} ${Math.round((Date.now() - uptime() * 1000) / bootRoundingMs)}`;
  }
}
