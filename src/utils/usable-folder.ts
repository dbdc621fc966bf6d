import { access, constants, mkdir } from 'node:fs/promises';
import { configurationExitCode } from '../config';
import { AppError } from './errors';

const requiredAccess = constants.R_OK | constants.W_OK | constants.X_OK;

const reasons: Record<string, string> = {
  EEXIST: 'it is not a folder',
  ENOTDIR: 'it is not inside a folder',
  EACCES: 'this user cannot write there',
  EPERM: 'this user cannot write there',
  EROFS: 'its disk is read-only',
};

/** The error code if this user cannot work in a folder; null if it can. */
export const folderFault = (folder: string): Promise<string | null> =>
  access(folder, requiredAccess).then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code ?? 'unknown',
  );

/** Creates the folder of a setting if it is missing; throws one sentence if this user cannot work in it. */
export async function makeUsable(folder: string, variable: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, requiredAccess);
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    // A full disk may be temporary.
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    const way = isFull
      ? 'free some space'
      : `make it a folder that this user can write to, or set ${variable} to another`;
    const sentence = `The folder ${folder} cannot be used: ${isFull ? 'its disk is full' : (reasons[code] ?? message)}; ${way}.`;
    throw new AppError('INTERNAL', sentence, { cause, exitCode: isFull ? undefined : configurationExitCode });
  }
}
