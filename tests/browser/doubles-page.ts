import type { Browser } from 'playwright-core';
import { buildIfStale } from '../../scripts/build';
import type { Workspace } from '../../src/contract/workspace';
import { resetDoubles, settingsFor, startDoubles, stopDoubles, type Doubles } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { launchBrowser, openWindow, type WatchedPage } from './browser';

const waitsMs = 20_000;

/** The doubles of the vendors, for all tests of a file; the server and its window, for each test. */
export let doubles: Doubles;
export let server: TestServer;
export let page: WatchedPage;

/** Starts the doubles and the browser before the tests of a file, and a server with a window on it before each of them. */
export function useDoubles(env: Record<string, string> = {}): void {
  let browser: Browser;

  beforeAll(async () => {
    buildIfStale(['timeline']);
    doubles = await startDoubles();
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    await resetDoubles(doubles);
    server = await startServer({ ...settingsFor(doubles), ...env });
    page = await openWindow(browser, server.url);
    page.setDefaultTimeout(waitsMs);
  });
  afterEach(async () => {
    await page.context().close();
    await server.stop();
  });
  afterAll(async () => {
    await browser.close();
    await stopDoubles(doubles);
  });
}

export const list = async (): Promise<Workspace[]> =>
  (await server.get('/api/workspaces')).body.workspaces as Workspace[];
