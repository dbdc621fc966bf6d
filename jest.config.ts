/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

// Run only where the command names them: `npx jest slow.test`, `npx jest tests/browser`, or one such file.
const onlyWhenNamed = ['tests/browser', 'slow.test'];
const named = process.argv.slice(2).join(' ');

const config: Config = {
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...onlyWhenNamed.filter((part) => !named.includes(part))],
  transform: {
    '^.+\\.tsx?$': ['ts-jest', { tsconfig: 'tsconfig.json', diagnostics: false }],
    // The driver's one `import()`, which Jest runs under an experimental flag of Node only, becomes a `require()`.
    'mongodb/lib/runtime_adapters\\.js$': [
      'ts-jest',
      { tsconfig: { allowJs: true, module: 'CommonJS', target: 'ES2023' }, diagnostics: false },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!mongodb/lib/runtime_adapters\\.js$)'],
  globalSetup: '<rootDir>/tests/helpers/global-setup.ts',
  globalTeardown: '<rootDir>/tests/helpers/global-teardown.ts',
  setupFiles: ['<rootDir>/tests/helpers/setup-env.ts'],
  testTimeout: 30_000,
  // Many tests wait for a clock, so that three share two cores well.
  maxWorkers: 3,
  silent: true,
};

export default config;
