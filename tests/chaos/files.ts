import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { mongo } from 'mongoose';
import { click, finalVideo, newWorkspace, uploadPicture } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import { until } from './faults';

export type FilesOptions = { print?: (line: string) => void };

type FilesRow = {
  situation: string;
  /** Images and clips before the start. */
  files: number;
  /** Those that are neither at their place nor in the trash after it. */
  lost: string[];
  inTrash: string[];
  isWarned: boolean;
  ok: boolean;
};

export type FilesResult = { campaign: 'files'; ok: boolean; lost: number; rows: FilesRow[] };

/** What was made: a shot with an image, one with a clip too, and an image that no shot uses; every file is two days old. */
type Made = {
  uploads: string;
  database: string;
  /** A copy of the database, and an entry of backup.sh, from before the second shot. */
  olderDatabase: string;
  entry: string;
  secondShot: string[];
  unused: string;
};

type Situation = {
  name: string;
  /** Prepares a folder of uploads and returns the database to start with. */
  prepare: (made: Made, uploads: string) => Promise<string>;
  inTrash: (made: Made) => string[];
  isWarned: boolean;
};

const dayMs = 24 * 3600 * 1000;
const settledWithinMs = 5000;
const rowsAtOnce = 2;

const foreign = { inTrash: () => [], isWarned: true };
const ours = { inTrash: ({ unused }: Made) => [unused], isWarned: false };

const situations: Situation[] = [
  { ...foreign, name: 'an empty database', prepare: async () => freshDatabase() },
  {
    ...foreign,
    name: 'an older copy of the database under another name',
    prepare: ({ olderDatabase }) => copyDatabase(olderDatabase),
  },
  {
    ...foreign,
    name: 'a database that restore.sh brought back',
    prepare: async ({ database, entry }, uploads) => {
      const uri = await copyDatabase(database);
      await runScript('restore.sh', entry, uri, uploads);
      await age(uploads);
      return uri;
    },
  },
  {
    ...foreign,
    name: 'an empty database and a folder without a mark',
    prepare: async (_made, uploads) => {
      await rm(path.join(uploads, '.owner'), { force: true });
      return freshDatabase();
    },
  },
  {
    ...ours,
    name: 'the right database and a folder without a mark',
    prepare: async ({ database }, uploads) => {
      await rm(path.join(uploads, '.owner'), { force: true });
      return copyDatabase(database);
    },
  },
  {
    ...ours,
    name: 'the right database after a start with an empty one',
    prepare: async ({ database }, uploads) => {
      await startAndSweep(freshDatabase(), uploads);
      return copyDatabase(database);
    },
  },
  {
    ...ours,
    name: 'a shot that lies in the trash for 31 days',
    prepare: async ({ database }, uploads) => {
      const uri = await copyDatabase(database);
      const deleted_at = new Date(Date.now() - 31 * dayMs);
      await withDatabase(uri, (db) =>
        db.collection('workspaces').updateOne({ order_index: 1 }, { $set: { deleted_at } }),
      );
      await age(uploads);
      return uri;
    },
    inTrash: ({ unused, secondShot }) => [unused, ...secondShot],
  },
];

/** Starts the server with databases that the folder of uploads does not belong to, and counts the files before and after. */
export async function runFiles({ print = console.log }: FilesOptions = {}): Promise<FilesResult> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-files-'));
  try {
    const made = await makeShots(folder);
    print(`files: ${(await filesOf(made.uploads)).length} files, ${situations.length} situations`);
    const rows: FilesRow[] = [];
    for (let at = 0; at < situations.length; at += rowsAtOnce) {
      const next = situations.slice(at, at + rowsAtOnce);
      rows.push(...(await Promise.all(next.map((situation, index) => runRow(situation, made, folder, at + index)))));
      print(`files: ${rows.length}/${situations.length}`);
    }
    const lost = rows.reduce((sum, row) => sum + row.lost.length, 0);
    return { campaign: 'files', ok: rows.every(({ ok }) => ok), lost, rows };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function makeShots(folder: string): Promise<Made> {
  const uploads = path.join(folder, 'uploads');
  const database = freshDatabase();
  const first = await startServer({ MONGODB_URI: database, UPLOAD_DIR: uploads });
  await makeShot(first, false);
  const entry = await runScript('backup.sh', path.join(folder, 'backups'), database, uploads);
  const olderDatabase = await copyDatabase(database);
  await first.stop();

  const before = await filesOf(uploads);
  const second = await startServer({ MONGODB_URI: database, UPLOAD_DIR: uploads });
  await makeShot(second, true);
  const secondShot = (await filesOf(uploads)).filter((file) => !before.includes(file));
  const unused = path.relative('uploads', await uploadPicture(second));
  await second.stop();
  await age(uploads);
  return { uploads, database, olderDatabase, entry, secondShot, unused };
}

async function makeShot(server: TestServer, withClip: boolean): Promise<void> {
  const socket = await connect(server.wsUrl);
  const workspaceId = await newWorkspace(socket, await uploadPicture(server), { duration_s: 2 });
  socket.close();
  if (!withClip) return;
  await click(server, workspaceId, { provider: 'local' });
  const { status } = await finalVideo(server, workspaceId);
  if (status !== 'completed') throw new Error(`the local provider ended with ${status}`);
}

async function runRow(situation: Situation, made: Made, folder: string, index: number): Promise<FilesRow> {
  const uploads = path.join(folder, `uploads-${index}`);
  await cp(made.uploads, uploads, { recursive: true, preserveTimestamps: true });
  const files = await filesOf(uploads);
  const isWarned = await startAndSweep(await situation.prepare(made, uploads), uploads);
  const atPlace = await filesOf(uploads);
  const trashed = await readdir(path.join(uploads, 'trash')).catch((): string[] => []);
  const moved = files.filter((file) => !atPlace.includes(file));
  const lost = moved.filter((file) => !trashed.includes(path.basename(file)));
  const inTrash = moved.filter((file) => !lost.includes(file));
  const isExpected = String(inTrash.sort()) === String(situation.inTrash(made).sort());
  const ok = lost.length === 0 && isExpected && isWarned === situation.isWarned;
  return { situation: situation.name, files: files.length, lost, inTrash, isWarned, ok };
}

/** Starts the server, lets it sweep or refuse to, and tells whether /health warns. */
async function startAndSweep(uri: string, uploads: string): Promise<boolean> {
  const server = await startServer({ MONGODB_URI: uri, UPLOAD_DIR: uploads });
  const isWarned = async () => ((await server.get('/health')).body.warnings as string[]).length > 0;
  const isSwept = async () => (await server.log()).includes('"message":"swept"');
  try {
    const isSettled = async () => (await isSwept()) || (await isWarned());
    // A start that does neither shows in the files.
    await until(isSettled, settledWithinMs, 'the files are swept or left alone').catch(() => undefined);
    return await isWarned();
  } finally {
    await server.stop();
  }
}

/** Every image and clip of a folder of uploads, such as `images/a.png`. */
async function filesOf(uploads: string): Promise<string[]> {
  const listed = ['images', 'videos'].map(async (part) =>
    (await readdir(path.join(uploads, part))).map((name) => `${part}/${name}`),
  );
  return (await Promise.all(listed)).flat().sort();
}

async function age(uploads: string): Promise<void> {
  const changed = new Date(Date.now() - 2 * dayMs);
  for (const file of await filesOf(uploads)) await utimes(path.join(uploads, file), changed, changed);
}

async function copyDatabase(from: string): Promise<string> {
  const to = freshDatabase();
  await withDatabase(from, async (source) => {
    for (const { name } of await source.listCollections().toArray()) {
      const documents = await source.collection(name).find().toArray();
      if (documents.length > 0) await withDatabase(to, (target) => target.collection(name).insertMany(documents));
    }
  });
  return to;
}

async function withDatabase(uri: string, work: (database: mongo.Db) => Promise<unknown>): Promise<void> {
  const client = await mongo.MongoClient.connect(uri);
  try {
    await work(client.db());
  } finally {
    await client.close();
  }
}

/** Runs backup.sh or restore.sh of deploy/ and returns what it prints. */
async function runScript(script: string, word: string, uri: string, uploads: string): Promise<string> {
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, MONGODB_URI: uri, UPLOAD_DIR: uploads, DATA_DIR: path.join(uploads, '../data') };
  const { stdout } = await promisify(execFile)(path.resolve(__dirname, '../../deploy', script), [word], {
    cwd: os.tmpdir(),
    env,
  });
  return stdout.trim();
}
