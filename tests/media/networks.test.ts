import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { selfSigned } from '../helpers/certificate';

const root = path.resolve(__dirname, '../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'networks-'));
const inFolder = (name: string) => path.join(folder, name);

// What the DNS of such a network says; 8.8.8.8 is the address of the one host that the others stand for.
const names = {
  'clash.test': '198.18.0.10',
  'mihomo.test': '2001:2::10',
  'sing-box.test': '198.18.0.11',
  'nat64.test': '64:ff9b::808:808',
  'public.test': '8.8.8.8',
  'nat64-of-a-private-one.test': '64:ff9b::a00:5',
  'nat64-of-this-machine.test': '64:ff9b::7f00:1',
  'private.test': '10.0.0.5',
  'unique-local.test': 'fd00::5',
  'shared.test': '100.64.0.5',
  'metadata.test': '169.254.169.254',
  'this-machine.test': '127.0.0.1',
};
const literals = ['198.18.0.10', '[2001:2::10]', '[64:ff9b::808:808]', '10.0.0.5', 'localhost'];

const sites = [...Object.keys(names), 'only-the-proxy-knows.test', ...literals].map(
  (host) => [host, selfSigned(host)] as const,
);

// A network of its own, in which each of these addresses is this machine, and a host for each name with its own certificate.
const addresses = Object.values(names).filter((address) => address !== '127.0.0.1');
const enter = [
  'ip link set lo up',
  ...addresses.map((address) => `ip addr add ${address}${address.includes(':') ? '/128 nodad' : '/32'} dev lo`),
  `mount --bind ${inFolder('hosts')} /etc/hosts`,
  'exec "$0" "$1"',
].join(' && ');

const fetchAll = `
  const http = require('node:http');
  const https = require('node:https');
  const net = require('node:net');
  const { createSecureContext } = require('node:tls');
  const { readFileSync } = require('node:fs');
  const sites = new Map(${JSON.stringify(sites)});
  const clip = readFileSync(${JSON.stringify(path.join(root, 'tests/fixtures/clip.mp4'))});
  const asked = [];
  const server = https.createServer({
    ...sites.get('localhost'),
    SNICallback: (name, done) => done(null, createSecureContext(sites.get(name) ?? sites.get('localhost'))),
  }, (request, response) => (asked.push(request.headers.host), response.end(clip)));
  http.createServer().on('connect', (request, socket) => {
    const site = net.connect(443, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\\r\\n\\r\\n'));
    socket.pipe(site).pipe(socket);
  }).listen(7890, '127.0.0.1');
  server.listen(443, '::', async () => {
    const { makeUploadFolders } = require(${JSON.stringify(path.join(root, 'dist/media/uploads'))});
    const { fetchVideo } = require(${JSON.stringify(path.join(root, 'dist/media/videos'))});
    await makeUploadFolders();
    const results = {};
    for (const host of sites.keys()) {
      const attemptId = host.replace(/\\W/g, '-');
      results[host] = await fetchVideo({ provider: 'Runway', url: 'https://' + host + '/a.mp4', attemptId }).then(
        () => 'fetched',
        (error) => error.message + ' | ' + error.cause?.message,
      );
    }
    console.log(JSON.stringify({ results, asked }));
    process.exit();
  });`;

const canEnter = spawnSync('unshare', ['-rnm', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

/** What the download from each host comes to in that network. */
async function fetchThere(variables: Record<string, string> = {}) {
  writeFileSync(inFolder('ca.pem'), sites.map(([, { cert }]) => cert).join(''));
  writeFileSync(
    inFolder('hosts'),
    Object.entries({ localhost: '127.0.0.1', ...names })
      .map(([name, address]) => `${address} ${name}\n`)
      // Beside the fake address, one of IPv6 that is private.
      .concat('fc00::11 sing-box.test\n')
      .join(''),
  );
  writeFileSync(inFolder('fetch.js'), fetchAll);
  const env = {
    ...process.env,
    NODE_EXTRA_CA_CERTS: inFolder('ca.pem'),
    UPLOAD_DIR: inFolder('uploads'),
    ...variables,
  };
  const command = ['-rnm', 'sh', '-c', enter, process.execPath, inFolder('fetch.js')];
  const { stdout } = await promisify(execFile)('unshare', command, { env });
  return JSON.parse(stdout) as { results: Record<string, string>; asked: string[] };
}

(canEnter ? describe : describe.skip)('a network whose names have addresses that are not public', () => {
  let results: Record<string, string>;
  let asked: string[];
  beforeAll(async () => ({ results, asked } = await fetchThere()));

  test.each(['clash.test', 'mihomo.test', 'sing-box.test', 'nat64.test', 'public.test'])(
    'a clip is fetched from %s in a network without public names',
    (host) => {
      expect(results[host]).toBe('fetched');
    },
  );

  test.each([
    'nat64-of-a-private-one.test',
    'nat64-of-this-machine.test',
    'private.test',
    'unique-local.test',
    'shared.test',
    'metadata.test',
    'this-machine.test',
  ])('no clip is fetched from %s in a network without public names, and the sentence names HTTPS_PROXY', (host) => {
    expect(results[host]).toContain(`this machine resolves ${host} to a private address`);
    expect(results[host]).toContain('set HTTPS_PROXY');
    expect(asked).not.toContain(host);
  });

  test.each(literals)('no clip is fetched from %s itself in a network without public names', (host) => {
    expect(results[host]).toMatch(/its link leads to .*, a private address.* set HTTPS_PROXY/);
    expect(asked).not.toContain(host);
  });
});

(canEnter ? describe : describe.skip)('a proxy in such a network', () => {
  let results: Record<string, string>;
  let asked: string[];
  beforeAll(async () => ({ results, asked } = await fetchThere({ HTTPS_PROXY: 'http://127.0.0.1:7890' })));

  test.each(['public.test', 'clash.test', 'only-the-proxy-knows.test', 'private.test'])(
    'a clip is fetched through a proxy from %s, whatever this machine thinks of the name',
    (host) => expect(results[host]).toBe('fetched'),
  );

  test.each(['this-machine.test', 'metadata.test'])('no clip is fetched through a proxy from %s', (host) => {
    expect(results[host]).toContain(`this machine resolves ${host} to an address of its own`);
    expect(asked).not.toContain(host);
  });

  test.each(literals)('no clip is fetched through a proxy from %s itself', (host) => {
    expect(results[host]).toContain(`its link leads to ${host}, a private address`);
    expect(asked).not.toContain(host);
  });
});
