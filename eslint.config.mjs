import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import tseslint from 'typescript-eslint';

// contract, config -> utils -> db -> media, prompts -> services -> costs -> generation -> batches -> api | websocket -> server.
// An arrow may skip a step, never turn back.
const layers = [
  'utils',
  'db',
  'media',
  'prompts',
  'services',
  'costs',
  ['generation', 'film'],
  'batches',
  ['api', 'websocket'],
];
const zones = layers.flatMap((layer, index) =>
  [layer].flat().map((name) => {
    const later = [
      ...layers.slice(index + 1).flat(),
      ...[layer].flat().filter((other) => other !== name),
      'web',
      'server.ts',
    ];
    return {
      target: `./src/${name}`,
      from: later.map((folder) => `./src/${folder}`),
      message:
        'Imports go from the later to the earlier: utils, db, media, prompts, services, costs, generation and film, batches, api and websocket, server.',
    };
  }),
);

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'uploads/', 'logs/', 'data/', 'node_modules/'] },
  { files: ['**/*.{ts,tsx}'], extends: [...tseslint.configs.recommendedTypeChecked] },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      'import-x/no-restricted-paths': [
        'error',
        {
          zones: [
            ...zones,
            {
              target: ['./src/contract', './src/config.ts'],
              from: './src',
              except: ['./contract', './config.ts'],
            },
            // The plan of a film is the same in the player and in the file, and imports only types.
            { target: './src/web', from: './src', except: ['./web', './contract', './film/plan.ts'] },
            { target: './src/web/sync', from: './src/web', except: ['./sync'] },
          ],
        },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/require-await': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/web/**'],
    rules: {
      'max-lines': ['error', 300],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    // A factory is longer than other functions: it holds the short functions of one noun.
    files: ['src/web/sync/**'],
    rules: {
      'max-lines': ['error', 250],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/web/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: [
                '**/contract/*',
                '!**/contract/continuity',
                '!**/contract/defaults',
                '!**/contract/limits',
                '!**/contract/model-choice',
              ],
              allowTypeImports: true,
              message:
                'It would bring zod to the browser: types only; values are in defaults.ts, limits.ts and model-choice.ts.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config.ts', 'src/web/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Settings are read in config.ts (readSettings) and nowhere else.',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/utils/http.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: 'axios', message: 'Providers are called through utils/http.ts.' }] },
      ],
    },
  },
  {
    // Provider files are found by name, and tools read the default export of a config file.
    files: ['src/services/video-*.ts', 'src/services/llm-*.ts', '*.config.ts', 'tests/helpers/global-*.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  {
    files: ['tests/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
