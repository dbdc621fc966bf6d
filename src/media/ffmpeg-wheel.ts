import { chmod } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fetchFromWheel } from '../utils/python-wheel';
import { cacheFolderOf, fillCache } from '../utils/user-cache';

const requirement = 'imageio-ffmpeg==0.6.0';

/** The checksums of the wheels with ffmpeg 7, by platform. */
const checksums: Record<string, string> = {
  'linux-x64': 'c7e46fcec401dd990405049d2e2f475e2b397779df2519b544b8aab515195282',
  'linux-arm64': '1d47bebd83d2c5fc770720d211855f208af8a596c82d17730aa51e815cdee6dc',
  'darwin-x64': '9d2baaf867088508d4a3458e61eeb30e945c4ad8016025545f66c4b5aaef0a61',
  'darwin-arm64': 'b1ae3173414b5fc5f538a726c4e48ea97edc0d2cdc11f103afee655c463fa742',
  'win32-x64': '02fa47c83703c37df6bfe4896aab339013f62bf02c5ebf2dce6da56af04ffc0a',
  'win32-ia32': '196faa79366b4a82f95c0f4053191d2013f4714a715780f0ad2a68ff37483cc2',
};

const cached = (): string => path.join(cacheFolderOf('ffmpeg'), process.platform === 'win32' ? 'ffmpeg.exe' : 'ffmpeg');

/** The ffmpeg that was fetched before; null if there is none. */
export const cachedFfmpeg = (): string | null => (existsSync(cached()) ? cached() : null);

/** Fetches ffmpeg 7 from the Python package index into the cache of this user, with the python3 on PATH; returns its path. */
export async function fetchFfmpeg(report: (line: string) => void, signal: AbortSignal): Promise<string> {
  const sha256 = checksums[`${process.platform}-${process.arch}`];
  if (!sha256) throw new Error('there is no such ffmpeg for this kind of machine');
  report('downloading ffmpeg 7 from the Python package index, about 30 MB');
  const target = cached();
  const folder = await fillCache(target, async (workFolder) => {
    const isFfmpeg = (name: string) => /^ffmpeg-.*v7/.test(name);
    const file = await fetchFromWheel('python3', { requirement, sha256 }, workFolder, isFfmpeg, signal);
    await chmod(file, 0o755);
    return file;
  });
  report(`ffmpeg 7 is ready, kept in ${folder}`);
  return target;
}
