const { existsSync } = require('node:fs');
const { mkdir, open, readdir, rename, rm, stat, writeFile } = require('node:fs/promises');
const path = require('node:path');
const {
  Refusal,
  copyDurably,
  createFacts,
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
      `There is no database in ${config.DATA_DIR}; set MONGODB_URI or DATA_DIR to those of the server.`,
    );
  }
  // An entry holds everything that the users made, so it is for its owner only.
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
  throw new Refusal('KEEP must be a whole number from 1: how many entries are kept.', 64);
}

/**
 * In this order, so that every file that the database names is in the entry, and every paid task is in the database or
 * in the notes: a note is removed once the database knows its task, and a file is there before the database names it.
 */
async function writeEntry(entry, config) {
  const notes = await copyFolder(path.join(config.DATA_DIR, 'accepted'), entry, 'accepted');
  const { collections, files } = await withDatabase(config, (client, database, ejson) =>
    dumpDatabase(client, database, ejson, entry),
  );
  const images = await copyFolder(path.join(config.UPLOAD_DIR, 'images'), entry, 'uploads/images');
  const videos = await copyFolder(path.join(config.UPLOAD_DIR, 'videos'), entry, 'uploads/videos');
  return { collections, files: [...files, ...notes, ...images, ...videos] };
}

async function dumpDatabase(client, database, ejson, entry) {
  const listed = await database.listCollections({ type: 'collection' }, { nameOnly: true }).toArray();
  // `servers` says which servers are there now.
  const present = listed.map(({ name }) => name).filter((name) => !/^(system|restoring)\.|^servers$/.test(name));
  const { setName, msg } = await database.admin().command({ hello: 1 });
  // One moment of the database for all its collections, where it can give that.
  const session = setName || msg === 'isdbgrid' ? client.startSession({ snapshot: true }) : undefined;
  await mkdir(path.join(entry, 'database'));

  const collections = {};
  const files = [];
  for (const name of new Set([...ownCollections, ...present])) {
    const collection = database.collection(name);
    const inEntry = `database/${encodeURIComponent(name)}.ejson`;
    const { documents, ...facts } = await dumpCollection(collection, session, ejson, path.join(entry, inEntry));
    const indexes = present.includes(name) ? await collection.listIndexes().toArray() : [];
    collections[name] = { documents, indexes };
    files.push({ path: inEntry, ...facts });
  }
  await session?.endSession();
  return { collections, files };
}

async function dumpCollection(collection, session, ejson, file) {
  const facts = createFacts();
  let documents = 0;
  const handle = await open(file, 'wx');
  try {
    // Numbers stay of the type that they have in the database.
    const found = collection.find({}, { session, promoteValues: false, sort: { _id: 1 } });
    for await (const document of found) {
      const line = Buffer.from(`${ejson.stringify(document, { relaxed: false })}\n`);
      facts.add(line);
      await handle.writeFile(line);
      documents += 1;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { documents, ...facts.done() };
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
