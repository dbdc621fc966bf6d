import { access, constants, mkdir } from 'node:fs/promises';
import { configurationExitCode } from '../config';
import { AppError } from './errors';

const use = constants.R_OK | constants.W_OK | constants.X_OK;

const reasons: Record<string, string> = {
  EEXIST: 'it is not a folder',
  ENOTDIR: 'it is not inside a folder',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its disk is read-only',
};

/** The code of what keeps this user from working in a folder; null where nothing does. */
export const folderFault = (folder: string): Promise<string | null> =>
  access(folder, use).then(
    () => null,
    ({ code }: NodeJS.ErrnoException) => code ?? 'unknown',
  );

/** Makes the folder of a setting where it is missing; throws one sentence where this user cannot work in it. */
export async function makeUsable(folder: string, variable: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, use);
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    // Room can come back by itself.
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    const way = isFull
      ? 'free some space'
      : `make it a folder that this user may write to, or set ${variable} to another`;
    const sentence = `The folder ${folder} cannot be used: ${isFull ? 'its disk is full' : (reasons[code] ?? message)}; ${way}.`;
    throw new AppError('INTERNAL', sentence, { cause, exitCode: isFull ? undefined : configurationExitCode });
  }
}
