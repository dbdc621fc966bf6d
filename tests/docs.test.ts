import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { serverVariables } from '../src/config';
import { errorCodes } from '../src/contract/errors';
import { serverMessages } from '../src/contract/messages';
import type { Price } from '../src/contract/options';
import { video } from '../src/contract/video';
import { allVideoProviders, providerVariables } from '../src/services/providers';
import type { AnyEndpoint } from '../src/utils/endpoint';
import { messages } from '../src/websocket/server';

jest.setTimeout(120_000);

const root = path.resolve(__dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const filesOf = (folder: string) => readdirSync(path.join(root, folder));

const pagesIn = (folder: string) =>
  filesOf(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.posix.join(folder, name));
const pages = [...pagesIn('.'), ...pagesIn('docs'), ...pagesIn('docs/decisions')];
const endpoints = filesOf('src/api').flatMap((name) => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- the table of server.ts starts the server
  const exported = require(path.join(root, 'src/api', name)) as Record<string, AnyEndpoint | undefined>;
  return Object.values(exported).flatMap((value) => (typeof value?.path === 'string' ? [value] : []));
});
const variables = [...serverVariables, ...providerVariables(), 'MONGOMS_SYSTEM_BINARY'];

/** The words of a page that are set as code, in a line or in a block. */
const codeOf = (text: string) =>
  [...text.matchAll(/```\w*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(([, block, word]) => block ?? word!);
const matchesOf = (text: string, pattern: RegExp) => [
  ...new Set([...text.matchAll(pattern)].map(([, found]) => found!)),
];
const wordsOf = (page: string, pattern: RegExp) => [
  ...new Set(codeOf(read(page)).flatMap((code) => matchesOf(code, pattern))),
];

// What the pages propose to add does not exist.
const proposedVariable = /^ACME_/;
const isProposed = (file: string) => /([/-]x|video-acme|workspace-clear|get-statistics)\.ts$/.test(file);

test('every document of the architecture is there', () => {
  for (const name of ['api', 'database', 'modules', 'config', 'testing', 'deployment'])
    expect(pages).toContain(`docs/${name}.md`);
});

test('the index of the decisions lists each of them', () => {
  const index = read('docs/decisions/README.md');
  const decisions = filesOf('docs/decisions').filter((name) => name !== 'README.md');
  expect(decisions.filter((name) => !index.includes(`(${name})`))).toEqual([]);
});

test('CONTRIBUTING.md gives the reason of each package that is held to a version', () => {
  const { overrides } = JSON.parse(read('package.json')) as { overrides: Record<string, string> };
  const reasons = read('CONTRIBUTING.md');
  const held = Object.entries(overrides).map(([name, range]) => `| \`overrides\` \`${name}\` \`${range}\``);
  expect(held.filter((entry) => !reasons.includes(entry))).toEqual([]);
});

test('CHANGELOG.md has a section for the version of package.json', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## \\[${version}\\] - \\d{4}-\\d\\d-\\d\\d$`, 'm'));
});

describe.each(pages)('%s', (page) => {
  test(`${page} names only files and folders that exist`, () => {
    const text = read(page);
    const links = matchesOf(text, /\]\(([^)#:]+)\)/g).map((link) => path.join(path.dirname(page), link));
    const named = wordsOf(page, /(?:^|[\s(])((?:src|tests|bench|docs|deploy|scripts)\/[\w./-]*\w\/?)(?=$|[\s:),;"])/gm);
    const missing = [...links, ...named].filter((file) => !isProposed(file) && !existsSync(path.join(root, file)));
    expect(missing).toEqual([]);
  });

  test(`${page} names only source files that exist where it gives no folder`, () => {
    const sources = ['src', 'tests', 'bench', 'scripts', 'deploy', '.'].flatMap((folder) => namesIn(folder));
    const named = wordsOf(page, /^([\w.-]+\.(?:ts|js|sh|conf|yaml|service))$/g);
    expect(named.filter((name) => !sources.includes(name))).toEqual([]);
  });

  test(`${page} names only variables and error codes that exist`, () => {
    const known = new Set([...variables, ...Object.keys(errorCodes)]);
    const named = wordsOf(page, /(?:^|[\s"$])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/gm);
    expect(named.filter((name) => !known.has(name) && !proposedVariable.test(name))).toEqual([]);
  });

  test(`${page} names only endpoints and messages that exist`, () => {
    const paths = new Set(endpoints.map(({ method, path: address }) => `${method.toUpperCase()} ${address}`));
    const called = wordsOf(page, /\b((?:GET|POST|PUT|DELETE) \/[\w/]+)/g);
    expect(called.filter((call) => !paths.has(call))).toEqual([]);

    const types = new Set([...messages.map(({ type }) => type), ...Object.keys(serverMessages), 'workspace.clear']);
    const fields = new Set(Object.keys(video.shape).map((key) => `video.${key}`));
    const said = wordsOf(page, /(?:^|["\s])((?:workspace|video|ai)\.[a-z_]+)(?=$|["\s:])/gm);
    expect(said.filter((type) => !types.has(type) && !fields.has(type))).toEqual([]);
  });

  test(`${page} names only npm scripts that exist`, () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = wordsOf(page, /npm (?:run )?((?:start|test)\b|(?<=run )[\w:]+)/g);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});

function namesIn(folder: string): string[] {
  const recursive = folder !== '.';
  return readdirSync(path.join(root, folder), { recursive, encoding: 'utf8' }).map((name) => path.basename(name));
}

test('docs/api.md has a row for every endpoint and every message, with its answer', () => {
  const rows = read('docs/api.md')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const calls = endpoints.map(({ method, path: address }) => `\`${method.toUpperCase()} ${address}\``);
  expect(calls.filter((call) => !rows.some((row) => row.includes(call)))).toEqual([]);
  const isTold = ({ type, reply }: { type: string; reply: string }) =>
    rows.some((row) => row.includes(`\`${type}\` with`) && row.split('|')[2]!.includes(`\`${reply}\``));
  expect(messages.filter((message) => !isTold(message)).map(({ type }) => type)).toEqual([]);
});

test('docs/config.md has every variable with the default of .env.example', () => {
  const example = Object.fromEntries(
    [...read('.env.example').matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  const rows = [...read('docs/config.md').matchAll(/^\| `([A-Z_]+)` +\| (?:`([^`]+)`)? *\|/gm)];
  expect(Object.fromEntries(rows.map(([, name, value]) => [name, value ?? '']))).toEqual(example);
  expect(rows.map(([, name]) => name).sort()).toEqual([...variables].sort());
});

test('docs/providers.md has the price of every model, and the day on which it was read', () => {
  const usd = ({ micros_per_s: micros, min_micros: least, resolution, audio }: Price) =>
    [
      micros / 1_000_000,
      resolution && `at ${resolution}`,
      audio !== null && (audio ? 'sound' : 'silent'),
      least && `(at least ${least / 1_000_000})`,
    ]
      .filter(Boolean)
      .join(' ');
  const models = allVideoProviders().flatMap((provider) => (provider.isNoCharge ? [] : provider.models));
  const rows = models.map(({ id, prices, priced_on: day }) => `| \`${id}\` | ${prices.map(usd).join('; ')} | ${day} |`);
  const page = read('docs/providers.md').replace(/ +/g, ' ');
  expect(models.length).toBeGreaterThan(10);
  expect(rows.filter((row) => !page.includes(row))).toEqual([]);
});

test('the examples of README.md compile, and both languages show the same', () => {
  const examplesOf = (page: string) => [...read(page).matchAll(/```ts\n(\/\/ (src\/\S+)\n[\s\S]*?)```/g)];
  const examples = new Map(examplesOf('README.md').map(([, code, file]) => [file!, code!]));
  expect(examples.size).toBe(3);
  expect(examplesOf('README.zh-CN.md').map(([, code]) => code)).toEqual([...examples.values()]);

  const folder = mkdtempSync(path.join(os.tmpdir(), 'video-maker-examples-'));
  cpSync(path.join(root, 'src'), path.join(folder, 'src'), { recursive: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  for (const [file, code] of examples) writeFileSync(path.join(folder, file), code);
  const settings = { extends: path.join(root, 'tsconfig.json'), files: [...examples.keys()], include: [] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const compiler = path.join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  rmSync(folder, { recursive: true, force: true });
  expect(stdout).toBe('');
});
