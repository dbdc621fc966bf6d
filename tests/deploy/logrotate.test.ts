import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../helpers/generating';
import { startServer } from '../helpers/server';

const isHere = spawnSync('logrotate', ['--version']).status === 0;

(isHere ? test : test.skip)(
  'the shipped logrotate.conf keeps the old lines and the server goes on in its file',
  async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-logs-'));
    const server = await startServer({ LOG_DIR: folder });
    const shipped = await readFile(path.resolve(__dirname, '../../deploy/logrotate.conf'), 'utf8');
    const user = os.userInfo().username;
    const settings = shipped
      .replaceAll('/srv/video-maker/logs', folder)
      .replace('su video-maker video-maker', `su ${user} ${user}`);
    const settingsFile = path.join(folder, 'logrotate.conf');
    await writeFile(settingsFile, settings, { mode: 0o600 });

    const isWritten = (text: string) => eventually(async () => (await server.log()).includes(text));
    await server.get('/before');
    await isWritten('"/before"');
    const rotated = spawnSync('logrotate', ['--force', '--state', path.join(folder, 'state'), settingsFile]);
    expect(rotated.stderr.toString()).toBe('');
    expect(rotated.status).toBe(0);
    await server.get('/after');
    await isWritten('"/after"');

    const old = (await readdir(folder)).filter((name) => /^combined\.log-\d{8}-\d+$/.test(name));
    expect(old).toHaveLength(1);
    expect(await readFile(path.join(folder, old[0]!), 'utf8')).toContain('"/before"');
    const lines = (await server.log()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).path)).toEqual(['/after']);
    expect(await server.stop()).toBe(0);
    await rm(folder, { recursive: true, force: true });
  },
);
