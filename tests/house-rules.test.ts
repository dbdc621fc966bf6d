import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { serverVariables } from '../src/config';
import { allLlmProviders, allVideoProviders, providerVariables } from '../src/services/providers';
import { messages } from '../src/websocket/server';

const root = path.resolve(__dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const filesOf = (folder: string, pattern: RegExp) =>
  readdirSync(path.join(root, folder)).filter((file) => pattern.test(file));

test('every endpoint file stands in the table of server.ts', () => {
  const server = read('src/server.ts');
  const files = filesOf('src/api', /\.ts$/);
  expect(files.filter((file) => !server.includes(`'./api/${path.parse(file).name}'`))).toEqual([]);
});

test('every message file is in the message table, and is named after its message', () => {
  const files = filesOf('src/websocket', /^workspace-.*\.ts$/).map((file) => path.parse(file).name);
  expect(files.sort()).toEqual(messages.map(({ type }) => type.replace(/[._]/g, '-')).sort());
});

test('every provider file loads under its own name', () => {
  const named = (kind: string) =>
    filesOf('src/services', new RegExp(`^${kind}-`)).map((file) => path.parse(file).name.slice(kind.length + 1));
  expect(allVideoProviders().map(({ name }) => name)).toEqual(named('video').sort());
  expect(allLlmProviders().map(({ name }) => name)).toEqual(named('llm').sort());
});

test('every source tag in a provider file leads to a line of docs/providers.md', () => {
  const tagged = /\b(?:[RPK]\d+b?|[QOL]-[A-Z]{2,})\b/g;
  const known = new Set([...read('docs/providers.md').matchAll(/^\| ([A-Z][\w-]*) /gm)].map(([, tag]) => tag));
  const tags = filesOf('src/services', /\.ts$/).flatMap((file) =>
    [...read(`src/services/${file}`).matchAll(/^\s*(?:\/\/|\*|\/\*\*) .*$/gm)].flatMap(
      ([line]) => line.match(tagged) ?? [],
    ),
  );
  expect(tags.length).toBeGreaterThan(20);
  expect([...new Set(tags)].filter((tag) => !known.has(tag))).toEqual([]);
});

test('.env.example has exactly the variables that the code reads', () => {
  const listed = [...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name!);
  expect(listed.sort()).toEqual([...serverVariables, ...providerVariables(), 'MONGOMS_SYSTEM_BINARY'].sort());
});

test('the server asks for the version of Node that package.json names', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  expect(read('src/node-version.js')).toContain(`const wanted = '${engines.node.replace('>=', '')}';`);
});

test('installing the packages of the API page reports nothing to their maker', async () => {
  // The code that would report decides by what `npm ls --json --long` says of this project and the chain of packages.
  const report = path.join(root, 'node_modules/@scarf/scarf/report.js');
  const { processDependencyTreeOutput } = (await import(report)) as {
    processDependencyTreeOutput: (
      resolve: (found: unknown) => void,
      reject: (reason: Error) => void,
    ) => (error: null, stdout: string, stderr: string) => void;
  };
  const scarf = { '@scarf/scarf': { version: '1.4.0' } };
  const chain = { 'swagger-ui-express': { dependencies: { 'swagger-ui-dist': { dependencies: scarf } } } };
  const tree = { ...(JSON.parse(read('package.json')) as object), path: root, dependencies: chain };
  const decision = new Promise((resolve, reject) => {
    processDependencyTreeOutput(resolve, reject)(null, JSON.stringify(tree), '');
  });
  await expect(decision).rejects.toThrow('Scarf has been disabled via a package.json in the dependency chain.');
});

test('AGENTS.md stays short', () => {
  expect(read('AGENTS.md').split('\n').length).toBeLessThanOrEqual(61);
});

test('no file names a machine or a registry', () => {
  const tracked = ['README.md', 'README.zh-CN.md', 'AGENTS.md', 'package.json', 'package-lock.json', '.npmrc'];
  for (const file of tracked) expect(read(file)).not.toMatch(/\/work\/|"resolved":|https?:\/\/registry/);
});

test('every file that uses nock gives HTTP back, as the files after it in the same process would have its sockets', () => {
  const files = readdirSync(path.join(root, 'tests'), { recursive: true, encoding: 'utf8' });
  const tests = files.filter((file) => /\.(test|suite)\.ts$/.test(file)).map((file) => path.join('tests', file));
  const users = tests.filter((file) => /^import nock from 'nock'/m.test(read(file)));
  expect(users.length).toBeGreaterThan(5);
  expect(users.filter((file) => !/afterAll\(\(\) => (\{\s+)?nock\.restore\(\)/.test(read(file)))).toEqual([]);
});
