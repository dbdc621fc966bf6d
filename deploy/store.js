// What backup.js and restore.js share: settings, the database, and the files of an entry.
//
// An entry is a folder:
//   manifest.json                    collections with their indexes, and size and sha256 of every file; written last
//   database/<collection>.ejson      canonical Extended JSON, one document a line
//   uploads/images/..., uploads/videos/..., uploads/audio/...
//   accepted/<attempt>.json          tasks that a provider accepted and the database may not know yet

const { createHash } = require('node:crypto');
const { createReadStream, existsSync } = require('node:fs');
const { mkdir, open, readFile } = require('node:fs/promises');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const manifestFormat = 'video-maker-backup-1';
const entryName = /^video-maker-\d{4}-\d\d-\d\dT[\d-]+Z$/;
const fileInEntry = /^(database\/[\w.%-]+\.ejson|uploads\/(images|videos|audio)\/[\w-][\w.-]*|accepted\/[\w-]+\.json)$/;

/** Part of every entry, even if the database does not have them yet. */
const ownCollections = ['workspaces', 'films', 'charges', 'spend', 'timelines', 'droppedclips'];

const databaseName = 'video-maker';
const selectionTimeoutMs = 10_000;
const exitCodes = { failed: 1, usage: 64, configuration: 78 };

/** An error whose message is all that an operator needs. */
class Refusal extends Error {
  constructor(message, exitCode = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The settings of the server, read as the server reads them. */
function readConfig() {
  // The path must be the only line on stdout, since scripts read it.
  process.env.LOG_LEVEL = 'error';
  if (!existsSync(path.join(__dirname, '../dist/config.js'))) {
    throw new Refusal('The project is not built; run `npm ci && npm run build` first.');
  }
  const { config, serverProblems } = require('../dist/config.js');
  const problems = serverProblems();
  if (problems.length === 0) return config;
  const lines = problems.map(({ variable, message }) => `  ${variable} ${message}`);
  throw new Refusal(`Fix these settings in .env or the environment:\n${lines.join('\n')}`, exitCodes.configuration);
}

/** Runs `work` with the database of the server: that of MONGODB_URI, the embedded one if it runs, or else one started for this. */
async function withDatabase(config, work) {
  const { mongo } = require('mongoose');
  const { uri, stop } = await findDatabase(config);
  const client = new mongo.MongoClient(uri, {
    serverSelectionTimeoutMS: selectionTimeoutMs,
    writeConcern: { w: 'majority', j: true },
  });
  try {
    await client.connect();
    return await work(client, client.db(), mongo.BSON.EJSON);
  } finally {
    await client.close();
    await stop();
  }
}

async function findDatabase({ MONGODB_URI: uri, DATA_DIR: dataFolder }) {
  const nothing = async () => undefined;
  if (uri) return { uri, stop: nothing };
  const port = await portOfRunning(path.join(dataFolder, 'db'));
  if (port) return { uri: `mongodb://127.0.0.1:${port}/${databaseName}?directConnection=true`, stop: nothing };
  const { startEmbedded } = require('../dist/db/embedded/embedded.js');
  return startEmbedded(dataFolder);
}

/** The port of the mongod that uses this folder, from its command line; null if none does. */
async function portOfRunning(dbPath) {
  const pid = Number(await readFile(path.join(dbPath, 'mongod.lock'), 'utf8').catch(() => 0));
  if (!pid) return null;
  const words = await commandLine(pid);
  const port = words[words.indexOf('--port') + 1];
  return words.includes(dbPath) && /^\d+$/.test(port) ? Number(port) : null;
}

async function commandLine(pid) {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
  } catch {
    if (process.platform === 'linux') return [];
  }
  try {
    const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('ps', ['-ww', '-o', 'args=', '-p', String(pid)], options)
      .trim()
      .split(/\s+/);
  } catch {
    return [];
  }
}

/** Copies a file so that it survives a power cut once this resolves; returns its size in bytes and its sha256. */
async function copyDurably(from, to) {
  await mkdir(path.dirname(to), { recursive: true });
  const digest = createDigest();
  const handle = await open(to, 'wx', 0o644);
  try {
    for await (const chunk of createReadStream(from)) {
      digest.add(chunk);
      await handle.writeFile(chunk);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return digest.done();
}

/** Size in bytes and sha256 of a file. */
async function digestOf(file) {
  const digest = createDigest();
  for await (const chunk of createReadStream(file)) digest.add(chunk);
  return digest.done();
}

function createDigest() {
  const hash = createHash('sha256');
  let size = 0;
  return {
    add(chunk) {
      hash.update(chunk);
      size += chunk.length;
    },
    done: () => ({ size, sha256: hash.digest('hex') }),
  };
}

/** The error codes of file systems that cannot fsync a folder: some network and container mounts, FUSE. */
const unflushable = ['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Makes renames inside a folder survive a power cut, if its file system can. */
async function syncFolder(folder) {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!unflushable.includes(error.code)) throw error;
  } finally {
    await handle.close();
  }
}

/** Runs a command, then exits; a failure prints one readable line. */
function runCommand(usage, command) {
  const words = process.argv.slice(2);
  const run = async () => {
    if (words.length !== 1 || words[0].startsWith('-')) throw new Refusal(`Usage: ${usage}`, exitCodes.usage);
    await command(words[0]);
  };
  run().then(
    () => process.exit(0),
    (error) => {
      process.stderr.write(`${error instanceof Refusal ? error.message : (error.stack ?? String(error))}\n`);
      process.exit(error.exitCode ?? exitCodes.failed);
    },
  );
}

module.exports = {
  Refusal,
  copyDurably,
  createDigest,
  entryName,
  digestOf,
  fileInEntry,
  manifestFormat,
  ownCollections,
  readConfig,
  runCommand,
  syncFolder,
  withDatabase,
};
