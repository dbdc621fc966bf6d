const { existsSync } = require('node:fs');
const { mkdir, open, readdir, rename, rm, stat, writeFile } = require('node:fs/promises');
const path = require('node:path');
const {
  Refusal,
  copyDurably,
  createDigest,
  entryName,
  fileInEntry,
  manifestFormat,
  ownCollections,
  readConfig,
  runCommand,
  syncFolder,
  withDatabase,
} = require('./store.js');

const keptByDefault = 7;
const partialPrefix = '.partial-';
const partialLifetimeMs = 24 * 3600 * 1000;

runCommand('backup.sh DIR', backUp);

async function backUp(folder) {
  const keep = readKeep();
  const config = readConfig();
  if (!config.MONGODB_URI && !existsSync(path.join(config.DATA_DIR, 'db'))) {
    throw new Refusal(
      `There is no database in ${config.DATA_DIR}; set MONGODB_URI or DATA_DIR to the value that the server uses.`,
    );
  }
  // An entry holds all that users have made, so only its owner may read it.
  process.umask(0o077);
  await mkdir(folder, { recursive: true });
  const target = path.resolve(folder);
  await sweepPartials(target);

  const createdAt = new Date().toISOString();
  const name = `video-maker-${createdAt.replace(/[:.]/g, '-')}`;
  const partial = path.join(target, `${partialPrefix}${name}`);
  await mkdir(partial);
  try {
    const manifest = await writeEntry(partial, config);
    await writeManifest(partial, { format: manifestFormat, created_at: createdAt, ...manifest });
    await rename(partial, path.join(target, name));
    await syncFolder(target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  process.stdout.write(`${path.join(target, name)}\n`);
  await removeOldest(target, keep);
}

function readKeep() {
  const { KEEP: value = '' } = process.env;
  if (value === '') return keptByDefault;
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new Refusal('KEEP is the number of entries to keep; it must be a whole number, at least 1.', 64);
}

/**
 * The order matters. A journal entry is removed once the database has its task, so with the journal copied first, every paid
 * task is in one of them. A file exists before the database names it, so with the files copied last, none is missing.
 */
async function writeEntry(entry, config) {
  const journal = await copyFolder(path.join(config.DATA_DIR, 'accepted'), entry, 'accepted');
  const { collections, files } = await withDatabase(config, (client, database, ejson) =>
    dumpDatabase(client, database, ejson, entry),
  );
  const images = await copyFolder(path.join(config.UPLOAD_DIR, 'images'), entry, 'uploads/images');
  const videos = await copyFolder(path.join(config.UPLOAD_DIR, 'videos'), entry, 'uploads/videos');
  const audio = await copyFolder(path.join(config.UPLOAD_DIR, 'audio'), entry, 'uploads/audio');
  return { collections, files: [...files, ...journal, ...images, ...videos, ...audio] };
}

async function dumpDatabase(client, database, ejson, entry) {
  const listed = await database.listCollections({ type: 'collection' }, { nameOnly: true }).toArray();
  // `servers` only lists the servers that run at the moment; a finished film can be rendered again from what is kept.
  const isKept = ({ name }) => !/^(system|restoring)\.|^(servers|exports|batches)$/.test(name);
  const present = listed.filter(isKept).map(({ name }) => name);
  const { setName, msg } = await database.admin().command({ hello: 1 });
  // On a replica set, all collections are read as of one moment.
  const session = setName || msg === 'isdbgrid' ? client.startSession({ snapshot: true }) : undefined;
  await mkdir(path.join(entry, 'database'));

  const collections = {};
  const files = [];
  for (const name of new Set([...ownCollections, ...present])) {
    const collection = database.collection(name);
    const inEntry = `database/${encodeURIComponent(name)}.ejson`;
    const { documents, ...digest } = await dumpCollection(collection, session, ejson, path.join(entry, inEntry));
    const indexes = present.includes(name) ? await collection.listIndexes().toArray() : [];
    collections[name] = { documents, indexes };
    files.push({ path: inEntry, ...digest });
  }
  await session?.endSession();
  return { collections, files };
}

async function dumpCollection(collection, session, ejson, file) {
  const digest = createDigest();
  let documents = 0;
  const handle = await open(file, 'wx');
  try {
    // Numbers keep their BSON types.
    const found = collection.find({}, { session, promoteValues: false, sort: { _id: 1 } });
    for await (const document of found) {
      const line = Buffer.from(`${ejson.stringify(document, { relaxed: false })}\n`);
      digest.add(line);
      await handle.writeFile(line);
      documents += 1;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { documents, ...digest.done() };
}

async function copyFolder(folder, entry, prefix) {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = found.filter((item) => item.isFile()).map(({ name }) => `${prefix}/${name}`);
  const files = [];
  for (const inEntry of names.filter((name) => fileInEntry.test(name)).sort()) {
    const from = path.join(folder, path.basename(inEntry));
    try {
      files.push({ path: inEntry, ...(await copyDurably(from, path.join(entry, inEntry))) });
    } catch (error) {
      // Removed since it was listed; nothing in the database names it any more.
      if (error.code !== 'ENOENT' || existsSync(from)) throw error;
    }
  }
  return files;
}

async function writeManifest(entry, manifest) {
  const file = path.join(entry, 'manifest.json');
  await writeFile(file, `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  await syncFolder(entry);
}

async function removeOldest(folder, keep) {
  const names = (await readdir(folder)).filter((name) => entryName.test(name)).sort();
  for (const name of names.slice(0, -keep)) await rm(path.join(folder, name), { recursive: true, force: true });
}

async function sweepPartials(folder) {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${partialPrefix}video-maker-`));
  for (const name of names) {
    const { mtimeMs } = await stat(path.join(folder, name));
    const isAbandoned = Date.now() - mtimeMs > partialLifetimeMs;
    if (isAbandoned) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
