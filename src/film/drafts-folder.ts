import type { DraftApp, DraftPlace } from './draft-materials';

const drive = /^[A-Za-z]:[\\/]/;
const share = /^\\\\[^\\/]+[\\/][^\\/]/;

/** Whether a folder is absolute by the rules of Windows or of all other systems. */
export const isAbsoluteFolder = (folder: string): boolean => folder.startsWith('/') || isOfWindows(folder);

/** The place of a draft in the folder of all drafts, written as the system of that folder writes it. */
export function draftPlace(draftsFolder: string, app: DraftApp, name: string): DraftPlace {
  const separator = isOfWindows(draftsFolder) ? '\\' : '/';
  const written = separator === '\\' ? draftsFolder.replaceAll('/', '\\') : draftsFolder;
  const root = written.endsWith(separator) ? written.slice(0, -1) : written;
  return { app, name, separator, folder: root + separator + name };
}

const isOfWindows = (folder: string): boolean => drive.test(folder) || share.test(folder);
