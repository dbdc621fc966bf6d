import type { PictureFault } from '../state/store';

/** What was dropped: the files in order, those of folders opened, and the folders that hold no picture. */
export type Dropped = { files: File[]; emptyFolders: string[] };

const pictureName = /\.(jpe?g|jfif|png|webp|avif|gif|bmp|hei[cf]|tiff?)$/i;
const byName = new Intl.Collator(undefined, { numeric: true });

const isHeicName = ({ name }: File): boolean => /\.hei[cf]$/i.test(name);

/** Whether this is a HEIC, by its bytes or its name. */
export const isHeic = async (file: File): Promise<boolean> =>
  /^ftyp(hei|hev|mif|msf)/.test(await latin1(file, 4, 12)) || isHeicName(file);

/** Why the browser cannot open a file as a picture. */
export async function faultOf(file: File): Promise<PictureFault> {
  if (file.size === 0) return 'PICTURE_EMPTY';
  if (file.type.startsWith('video/')) return 'PICTURE_IS_VIDEO';
  if (await isHeic(file)) return 'PICTURE_HEIC';
  if (/^(II\*\0|MM\0\*)/.test(await latin1(file, 0, 4))) return 'PICTURE_TIFF';
  return file.type === '' || file.type.startsWith('image/') ? 'PICTURE_UNREADABLE' : 'PICTURE_IS_OTHER';
}

/** The files of a drop; must be called during its event, since what was dropped is gone after it. */
export function filesOf(data: DataTransfer): Promise<Dropped> {
  const things = [...data.items]
    .filter(({ kind }) => kind === 'file')
    .map((item) => ({ file: item.getAsFile(), folder: folderOf(item) }));
  return openAll(things);
}

function folderOf(item: DataTransferItem): FileSystemDirectoryEntry | null {
  const entry = item.webkitGetAsEntry?.();
  return entry?.isDirectory ? (entry as FileSystemDirectoryEntry) : null;
}

async function openAll(things: { file: File | null; folder: FileSystemDirectoryEntry | null }[]): Promise<Dropped> {
  const dropped: Dropped = { files: [], emptyFolders: [] };
  for (const { file, folder } of things) {
    if (!folder) {
      if (file) dropped.files.push(file);
      continue;
    }
    const pictures = await picturesOf(folder).catch((): File[] => []);
    dropped.files.push(...pictures);
    if (pictures.length === 0) dropped.emptyFolders.push(folder.name);
  }
  return dropped;
}

/** The pictures of a folder and of those in it, by name as people count: 2 before 10. */
async function picturesOf(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const entries = (await entriesOf(folder)).sort((a, b) => byName.compare(a.name, b.name));
  const pictures: File[] = [];
  for (const entry of entries) {
    if (entry.isDirectory) pictures.push(...(await picturesOf(entry as FileSystemDirectoryEntry)));
    else if (pictureName.test(entry.name) && !entry.name.startsWith('.')) {
      pictures.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    }
  }
  return pictures;
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    // It gives them in parts, and nothing once all are told.
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return entries;
    entries.push(...part);
  }
}

const latin1 = async (file: File, from: number, to: number): Promise<string> =>
  new TextDecoder('latin1').decode(await file.slice(from, to).arrayBuffer());
