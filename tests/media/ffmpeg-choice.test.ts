import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { click, finalVideo, newWorkspace, uploadPicture } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

jest.setTimeout(60_000);

const root = path.resolve(__dirname, '../..');
/** One that makes H.264, whatever this machine has installed. */
const able = (createRequire(__filename)('@ffmpeg-installer/ffmpeg') as { path: string }).path;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-ffmpeg-'));
  // As conda and Fedora build it: all but libx264.
  const lacking = `case "$*" in *libx264*) echo "Unknown encoder 'libx264'" >&2; exit 8;; esac\nexec '${able}' "$@"`;
  await mkdir(path.join(folder, 'lacking'));
  await writeFile(path.join(folder, 'lacking/ffmpeg'), `#!/bin/sh\n${lacking}\n`);
  await chmod(path.join(folder, 'lacking/ffmpeg'), 0o755);
  await mkdir(path.join(folder, 'able'));
  await symlink(able, path.join(folder, 'able/ffmpeg'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is chosen, in a process of its own, since ffmpeg is looked for once. */
function choice(...folders: string[]): string {
  const env = {
    ...process.env,
    PATH: folders.map((name) => path.join(folder, name)).join(path.delimiter),
    FFMPEG_PATH: '',
    XDG_CACHE_HOME: path.join(folder, 'cache'),
  };
  const script = "process.stdout.write(String(require('./src/media/ffmpeg').ffmpegPath()))";
  return execFileSync(process.execPath, ['--require', 'tsx/cjs', '--eval', script], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
}

test('an ffmpeg without libx264 that comes first is passed over for the next one on PATH', () => {
  expect(choice('lacking', 'able')).toBe(path.join(folder, 'able/ffmpeg'));
});

test('an ffmpeg without libx264 that is the only one on PATH is passed over for the packaged one', () => {
  expect(choice('lacking')).toBe(able);
});

describe('an ffmpeg without libx264 that is the only one', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ FFMPEG_PATH: path.join(folder, 'lacking/ffmpeg') });
  });

  afterAll(() => server.stop());

  test('the options say that the local renderer is not ready without libx264, and why', async () => {
    const { body } = await server.get('/api/options');
    const local = body.video_providers.find(({ name }: { name: string }) => name === 'local');
    expect(local).toMatchObject({ ready: false, reason: expect.stringContaining('FFMPEG_PATH') });
  });

  test('a local clip without libx264 fails with a word on FFMPEG_PATH, and /health has it too', async () => {
    const socket = await connect(server.wsUrl);
    const id = await newWorkspace(socket, await uploadPicture(server), { duration_s: 2 });
    socket.close();
    await click(server, id);
    expect((await finalVideo(server, id)).error).toMatchObject({
      code: 'PROVIDER_NOT_CONFIGURED',
      charged: 'no',
      message:
        'The local renderer needs an ffmpeg with libx264; install one, or set FFMPEG_PATH to it, and restart the server.',
    });
    const { status, body } = await server.get('/health');
    expect(status).toBe(200);
    expect(body.warnings).toEqual([
      expect.stringMatching(
        /^ffmpeg cannot encode H\.264, so local clips fail; .* set FFMPEG_PATH to one, and restart/,
      ),
    ]);
  });
});
