const { randomBytes } = require('node:crypto');
const { createReadStream } = require('node:fs');
const { lstat, mkdir, readFile, rename, rm } = require('node:fs/promises');
const path = require('node:path');
const { createInterface } = require('node:readline');
const {
  Refusal,
  copyDurably,
  digestOf,
  fileInEntry,
  manifestFormat,
  readConfig,
  runCommand,
  syncFolder,
  withDatabase,
} = require('./store.js');

const documentsInABatch = 100;
const namespaceMissing = 26;

/** States of jobs that are not known to be accepted; the last two are names of version 1.0.0. */
const unsentStates = ['queued', 'submitting', 'waiting', 'sent'];

runCommand('restore.sh ENTRY', restore);

async function restore(folder) {
  const entry = path.resolve(folder);
  const config = readConfig();
  const manifest = await readManifest(entry);
  for (const file of manifest.files) await checkFile(entry, file);

  await withDatabase(config, async (_client, database, ejson) => {
    const names = Object.keys(manifest.collections);
    for (const name of names) await load(database, entry, name, manifest.collections[name], ejson);
    const settled = await settleUnsent(database.collection(loading('workspaces')));
    for (const file of manifest.files) await bringBack(entry, file.path, file, config);
    const mark = await disownUploads(config);
    // Up to here, the database is unchanged.
    for (const name of names) await database.renameCollection(loading(name), name, { dropTarget: true });
    printResult(manifest, settled, mark);
  });
}

function printResult({ collections, files, created_at: createdAt }, settled, mark) {
  const uploads = files.filter(({ path: name }) => name.startsWith('uploads/')).length;
  const lines = [
    `Restored ${collections.workspaces.documents} workspaces and ${uploads} files as of ${createdAt}.`,
    ...(settled > 0
      ? [
          `Generations that were not known to be accepted: ${settled}. They are not sent again; each shows SUBMIT_UNKNOWN.`,
        ]
      : []),
    'Restart the server if it was running, so that open browsers load the list again.',
    'Images and clips newer than the backup are still there. From now on the server removes no files, and /health warns about it.',
    `Once nothing is missing, delete ${mark} and restart: the server then cleans up again, but keeps clips that it does not know.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

// ---- the check, before anything is touched

async function readManifest(entry) {
  const refuse = (why) => new Refusal(`${entry} is not a complete backup (${why}); nothing was changed.`);
  const text = await readFile(path.join(entry, 'manifest.json'), 'utf8').catch(() => {
    throw refuse('it has no manifest.json');
  });
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw refuse('its manifest.json is truncated');
  }
  if (manifest.format !== manifestFormat) throw refuse(`its manifest does not have the format ${manifestFormat}`);
  const bad = manifest.files.find((file) => !fileInEntry.test(file.path));
  if (bad) throw refuse(`its manifest names ${JSON.stringify(bad.path)}`);
  for (const name of ['workspaces', ...Object.keys(manifest.collections)]) {
    const isListed = manifest.files.some((file) => file.path === dumpOf(name));
    if (!isListed) throw refuse(`it has no dump of ${name}`);
  }
  return manifest;
}

async function checkFile(entry, { path: name, size, sha256 }) {
  const file = path.join(entry, name);
  const found = await lstat(file).catch(() => null);
  const refuse = (why) => new Refusal(`${entry} is not a complete backup (${name} ${why}); nothing was changed.`);
  if (!found?.isFile()) throw refuse('is missing');
  if (found.size !== size) throw refuse(`has ${found.size} bytes instead of ${size}`);
  if ((await digestOf(file)).sha256 !== sha256) throw refuse('was changed since it was written');
}

// ---- the database

const dumpOf = (collection) => `database/${encodeURIComponent(collection)}.ejson`;
const loading = (collection) => `restoring.${collection}`;

/** Loads a collection and its indexes under another name, so that one rename at the end replaces the old one. */
async function load(database, entry, name, { documents, indexes }, ejson) {
  const collection = database.collection(loading(name));
  await collection.drop().catch((error) => {
    if (error.code !== namespaceMissing) throw error;
  });
  await database.createCollection(loading(name));
  let batch = [];
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(path.join(entry, dumpOf(name))) })) {
    batch.push(ejson.parse(line, { relaxed: false }));
    count += 1;
    if (batch.length < documentsInABatch) continue;
    await collection.insertMany(batch);
    batch = [];
  }
  if (batch.length > 0) await collection.insertMany(batch);
  if (count !== documents) throw new Refusal(`The dump of ${name} has ${count} documents instead of ${documents}.`);
  const wanted = indexes.filter((index) => index.name !== '_id_').map(({ v, ns, ...index }) => index);
  if (wanted.length > 0) await collection.createIndexes(wanted);
}

/**
 * A paid request that was about to be sent when the backup was made may have been accepted since, so it must not be sent
 * again: it becomes SUBMIT_UNKNOWN, and the next click must accept a second charge.
 */
async function settleUnsent(workspaces) {
  const { videoErrorOf } = require('../dist/services/provider-errors.js');
  const unsent = { 'job.state': { $in: unsentStates }, 'job.provider': { $ne: 'local' } };
  const found = await workspaces.find(unsent, { projection: { 'job.provider': 1 } }).toArray();
  for (const { _id, job } of found) {
    const now = new Date();
    const set = {
      'job.state': 'in_doubt',
      'video.status': 'failed',
      'video.phase': null,
      'video.progress': null,
      'video.error': videoErrorOf('SUBMIT_UNKNOWN', job.provider, 'maybe'),
      'video.completed_at': now,
      updated_at: now,
    };
    await workspaces.updateOne({ _id }, { $set: set, $inc: { version: 1 } });
  }
  return found.length;
}

// ---- the files

/**
 * Marks the uploads as belonging to no database, since files newer than the backup look unused to the restored one. A running
 * server notices before its next sweep. An operator ends this by removing the file whose path is returned.
 */
async function disownUploads({ UPLOAD_DIR: uploads }) {
  const { writeDurably } = require('../dist/utils/durable-file.js');
  const file = path.join(uploads, '.owner');
  await mkdir(uploads, { recursive: true });
  await writeDurably(file, JSON.stringify({ id: randomBytes(16).toString('hex'), sweeps: 0 }));
  return file;
}

/** Restores one file. Files newer than the backup stay: their names are never reused, and some are paid. */
async function bringBack(entry, name, { size, sha256 }, { UPLOAD_DIR: uploads, DATA_DIR: data }) {
  if (name.startsWith('database/')) return;
  const target = name.startsWith('accepted/')
    ? path.join(data, name)
    : path.join(uploads, name.slice('uploads/'.length));
  const present = await lstat(target).catch(() => null);
  if (present?.isFile() && present.size === size && (await digestOf(target)).sha256 === sha256) return;

  await mkdir(path.dirname(target), { recursive: true });
  const draft = `${target}.restoring`;
  await rm(draft, { force: true });
  await copyDurably(path.join(entry, name), draft);
  await rename(draft, target);
  await syncFolder(path.dirname(target));
}
