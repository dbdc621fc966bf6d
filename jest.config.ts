/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

const config: Config = {
  roots: ['<rootDir>/tests'],
  testMatch: ['**/*.test.ts'],
  // `npm run test:browser` and `npm run test:slow` have them.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/tests/browser/', '\\.slow\\.test\\.ts$'],
  transform: { '^.+\\.tsx?$': ['ts-jest', { tsconfig: 'tsconfig.json', diagnostics: false }] },
  globalSetup: '<rootDir>/tests/helpers/global-setup.ts',
  globalTeardown: '<rootDir>/tests/helpers/global-teardown.ts',
  setupFiles: ['<rootDir>/tests/helpers/setup-env.ts'],
  testTimeout: 30_000,
  // Many tests wait for a clock, so that three share two cores well.
  maxWorkers: 3,
  silent: true,
};

export default config;
