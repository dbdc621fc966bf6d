import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { trusted } from 'mongoose';
import { z } from 'zod';
import { config } from '../config';
import { pingDatabase } from '../db/mongodb';
import { Workspace } from '../db/workspace';
import { providerWarnings } from '../generation/check-task';
import { ffmpegProblem, ffmpegWarning } from '../media/ffmpeg';
import { ownerWarnings } from '../media/owner';
import { uploadFaults } from '../media/uploads';
import { defineEndpoint, Reply } from '../utils/endpoint';
import { isLogging } from '../utils/logger';
import { folderFault } from '../utils/usable-folder';

const minFreeBytes = 256 * 1024 ** 2;
const databaseTimeoutMs = 2000;

/** The last counts, shown while the database is unavailable. */
let jobs = { generating: 0, unclear: 0 };

/** Reports whether the server can do its work: 200 when it can, 503 with the problems. */
export const health = defineEndpoint({
  method: 'get',
  path: '/health',
  summary: 'Reports whether the server can do its work, for people and load balancers.',
  reply: z.strictObject({
    status: z.enum(['ok', 'degraded']),
    problems: z.array(z.string()),
    warnings: z.array(z.string()),
    mongodb: z.enum(['connected', 'disconnected']),
    websocket: z.enum(['listening', 'closed']),
    jobs: z.strictObject({ generating: z.int(), unclear: z.int() }),
    disk_free_ok: z.boolean(),
    uptime_s: z.int(),
  }),
  otherStatus: 503,
  errors: [],
  async handle() {
    const [isDatabaseUp, isDiskFree, uploads, dataFault] = await Promise.all([
      countJobs(),
      hasFreeDisk(),
      uploadFaults(),
      folderFault(config.DATA_DIR),
    ]);
    const problems = [
      ...(isDatabaseUp ? [] : ['the database does not answer']),
      ...(isSocketPortOpen() ? [] : ['the WebSocket port is closed']),
      ...(isDiskFree ? [] : ['less than 256 MiB is free on the disk of the uploads']),
      ...uploads.problems,
    ];
    const body = {
      status: problems.length === 0 ? 'ok' : 'degraded',
      problems,
      warnings: [
        ...providerWarnings(),
        ...ownerWarnings(),
        ...uploads.warnings,
        // A missing folder is recreated.
        ...(dataFault === null || dataFault === 'ENOENT'
          ? []
          : ['DATA_DIR, where accepted tasks are recorded, cannot be written; check its permissions and its disk']),
        ...[ffmpegProblem(), ffmpegWarning()].filter((problem) => problem !== null),
        ...(isLogging() ? [] : ['the log files cannot be written']),
      ],
      mongodb: isDatabaseUp ? 'connected' : 'disconnected',
      websocket: isSocketPortOpen() ? 'listening' : 'closed',
      jobs,
      disk_free_ok: isDiskFree,
      uptime_s: Math.floor(process.uptime()),
    };
    return new Reply(problems.length === 0 ? 200 : 503, body);
  },
});

/** Leaves out attempts whose second charge a user has accepted. */
const inDoubt = trusted({ $elemMatch: { state: 'in_doubt', risk_accepted: false } });

let isSocketPortOpen = () => false;

/** Tells this endpoint how to see whether the socket port is open. */
export function reportListening(isListening: () => boolean): void {
  isSocketPortOpen = isListening;
}

async function countJobs(): Promise<boolean> {
  const count = async () => {
    await pingDatabase();
    const [generating, unclear] = await Promise.all([
      Workspace.countDocuments({ 'video.status': 'generating' }),
      Workspace.countDocuments({ $or: [{ 'job.state': 'in_doubt' }, { superseded: inDoubt }] }),
    ]);
    jobs = { generating, unclear };
    return true;
  };
  const timedOut = new Promise<false>((resolve) => setTimeout(resolve, databaseTimeoutMs, false).unref());
  return Promise.race([count(), timedOut]).catch(() => false);
}

/** Also true when the disk cannot be checked, since `uploadFaults` reports the folder's problem. */
async function hasFreeDisk(folder = config.UPLOAD_DIR): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize >= minFreeBytes;
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT' && folder !== path.dirname(folder);
    // A missing folder is recreated on the disk of its parent.
    return isGone ? hasFreeDisk(path.dirname(folder)) : true;
  }
}
