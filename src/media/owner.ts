import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { config } from '../config';
import { Installation } from '../db/installation';
import { writeDurably } from '../utils/durable-file';
import { logger } from '../utils/logger';
import { referredNames } from './references';
import { listUploads, startedEmpty, temporaryFile, uploadName } from './uploads';

// UPLOAD_DIR and its database share a random id, and both count the sweeps. A sweep is counted in the database first, so a
// folder whose count is ahead means that the database was restored from a backup.

const ownerFile = path.join(config.UPLOAD_DIR, '.owner');
const ownerShape = z.object({ id: z.string().min(1), sweeps: z.int().min(0) });
type Owner = z.infer<typeof ownerShape>;

const installation = { _id: 'timeline' } as const;

const reasons = {
  foreign: 'The files in UPLOAD_DIR are not known to belong to this database',
  restored: 'The files in UPLOAD_DIR are newer than this database, which seems to be restored from a backup',
  unreadable: 'The file .owner in UPLOAD_DIR, which says which database the files belong to, cannot be read',
};
type Reason = keyof typeof reasons;

const remedy =
  'If this is the right database, delete the file .owner in UPLOAD_DIR: at the next start, or within an hour, the database takes ' +
  'over the files, provided that a shot uses one of them.';

let refusal: Reason | null = null;
let isFirstCheck = true;

/** The warnings for /health while no files may be removed. */
export const ownerWarnings = (): string[] => (refusal ? [`${reasons[refusal]}, so no file is removed. ${remedy}`] : []);

/** Whether this database may decide which files of UPLOAD_DIR to remove; claims a folder that has no owner. */
export async function ownsUploads(): Promise<boolean> {
  // Read before the database, since a sweep by another process in between would look like a restored database.
  const found = await readOwner();
  const reason = found === null ? await claimFolder() : found === 'unreadable' ? found : await checkOwner(found);
  if (reason && reason !== refusal) logger.warn('uploads are not swept', { reason: reasons[reason], remedy });
  refusal = reason;
  isFirstCheck = false;
  return reason === null;
}

/** Counts a sweep in the database and in the folder; false when another process is about to sweep. */
export async function countSweep(): Promise<boolean> {
  const { uploads_id: id, sweeps } = await readInstallation();
  if (!id) return false;
  const counted = await Installation.updateOne({ ...installation, uploads_id: id, sweeps }, { $inc: { sweeps: 1 } });
  if (counted.modifiedCount === 0) return false;
  await writeOwner({ id, sweeps: sweeps + 1 });
  return true;
}

async function checkOwner({ id, sweeps }: Owner): Promise<Reason | null> {
  const known = await readInstallation();
  if (known.uploads_id !== id) return 'foreign';
  return sweeps > known.sweeps ? 'restored' : null;
}

async function claimFolder(): Promise<Reason | null> {
  if (!(await mayAdopt())) {
    await writeOwner({ id: newId(), sweeps: 0 });
    return 'foreign';
  }
  const fields = { uploads_id: { $ifNull: ['$uploads_id', newId()] }, sweeps: { $ifNull: ['$sweeps', 0] } };
  await Installation.updateOne(installation, [{ $set: fields }], { upsert: true, updatePipeline: true });
  const { uploads_id: id, sweeps } = await readInstallation();
  await writeOwner({ id: id!, sweeps });
  logger.info('uploads belong to this database', {});
  return null;
}

/** Whether a folder without an owner can belong to this database: it has no older files, or a workspace refers to one of them. */
async function mayAdopt(): Promise<boolean> {
  // A picture uploaded while the database was unavailable is in no workspace yet.
  if (isFirstCheck && startedEmpty()) return true;
  const files = await listUploads();
  if (files.length === 0) return true;
  const referred = await referredNames();
  return files.some((file) => referred.has(uploadName(file)));
}

// Never from a secondary, which may lag behind and look like a restored database.
async function readInstallation(): Promise<{ uploads_id?: string; sweeps: number }> {
  const stored = await Installation.findOne(installation).read('primary').lean();
  return { uploads_id: stored?.uploads_id, sweeps: stored?.sweeps ?? 0 };
}

async function readOwner(): Promise<Owner | 'unreadable' | null> {
  try {
    return ownerShape.parse(JSON.parse(await readFile(ownerFile, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    logger.debug('owner of uploads unreadable', { error });
    return 'unreadable';
  }
}

const writeOwner = (owner: Owner): Promise<void> => writeDurably(ownerFile, JSON.stringify(owner), temporaryFile());

const newId = (): string => randomBytes(16).toString('hex');
