import { createReadStream, type ReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { ZipFile } from 'yazl';

/** One file of a zip: its bytes, or a file on the disk of that many bytes. */
export type ZipEntry = { name: string } & ({ bytes: Buffer } | { file: string; size: number });

/** The longest that an entry of the central directory is, without its name. */
const directoryRowBytes = 46 + 9 + 28;
const classicDirectoryMaxBytes = 0xfffe;

/**
 * A zip of these entries, stored not compressed, with its exact length; Zip64 only where it must be. The stream reads one file
 * at a time, at the pace of its reader, and fails when a file is gone or shorter than it was; destroyed, it closes that file.
 */
export function createZip(entries: ZipEntry[]): { stream: Readable; size: number } {
  const zip = new ZipFile();
  const stream = zip.outputStream as Readable;
  let open: ReadStream | null = null;
  zip.on('error', (error: Error) => stream.destroy(error));
  stream.once('close', () => open?.destroy());

  const options = { compress: false, mtime: new Date() };
  for (const entry of entries) {
    if ('bytes' in entry) {
      zip.addBuffer(entry.bytes, entry.name, options);
      continue;
    }
    const { file, size, name } = entry;
    zip.addReadStreamLazy(name, { ...options, size }, (done) => {
      if (stream.destroyed) return;
      open = createReadStream(file, { end: Math.max(size - 1, 0) });
      open.once('error', (error) => stream.destroy(error));
      done(null, open);
    });
  }
  let size = NaN;
  // Where the directory is long but the zip is not, yazl counts on Zip64 and then does not write it.
  const isLong =
    sumOf(entries.map(({ name }) => directoryRowBytes + Buffer.byteLength(name))) > classicDirectoryMaxBytes;
  const end = zip.end.bind(zip) as (options: object, onSize: (bytes: number) => void) => void;
  end({ forceZip64Format: isLong }, (bytes) => (size = bytes));
  return { stream, size };
}

const sumOf = (numbers: number[]): number => numbers.reduce((sum, each) => sum + each, 0);
