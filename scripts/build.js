'use strict';
// Builds what is missing or older than its sources; used by `npm start` and the tests.
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, statSync } = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..');
const inRoot = (...names) => path.join(root, ...names);
const webFolder = path.join('web', path.sep);

const targets = [
  {
    name: 'server',
    result: inRoot('dist', 'server.js'),
    isSource: (file) => /\.[jt]s$/.test(file) && !file.startsWith(webFolder),
    command: [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noCheck'],
  },
  {
    name: 'timeline',
    result: inRoot('dist', 'web', 'index.html'),
    isSource: (file) => file.startsWith(webFolder) || file.startsWith(`contract${path.sep}`),
    command: [
      path.join(path.dirname(require.resolve('vite/package.json')), 'bin', 'vite.js'),
      'build',
      '--logLevel',
      'warn',
    ],
  },
];

function isStale({ result, isSource }) {
  if (!existsSync(result)) return true;
  const builtAt = statSync(result).mtimeMs;
  const sources = readdirSync(inRoot('src'), { recursive: true }).filter(isSource);
  return sources.some((file) => statSync(inRoot('src', file)).mtimeMs > builtAt);
}

/** Builds each target that is stale; ends the process with the compiler's code when one fails. */
function buildIfStale(names = targets.map(({ name }) => name)) {
  for (const target of targets) {
    if (!names.includes(target.name) || !isStale(target)) continue;
    process.stderr.write(`building the ${target.name} ...\n`);
    const { status } = spawnSync(process.execPath, target.command, { cwd: root, stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}

module.exports = { buildIfStale };
