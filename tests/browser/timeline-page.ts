/// <reference lib="dom" />
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { buildIfStale } from '../../scripts/build';
import { startServer, type TestServer } from '../helpers/server';
import { launchBrowser, openWindow, type WatchedPage } from './browser';

export const sample = path.resolve(__dirname, '../../docs/sample.jpg');

/** A server for each test and a browser for all of them; `visit` opens a window on the timeline. */
export function useTimeline(env = (): Record<string, string> => ({})) {
  const open: WatchedPage[] = [];
  let browser: Browser;
  let server: TestServer;

  beforeAll(async () => {
    buildIfStale(['timeline']);
    browser = await launchBrowser();
  });
  beforeEach(async () => {
    server = await startServer(env());
  });
  afterEach(async () => {
    for (const page of open.splice(0)) await page.context().close();
    await server.stop();
  });
  afterAll(() => browser.close());

  return {
    server: () => server,
    visit: async (options?: BrowserContextOptions): Promise<WatchedPage> => {
      const page = await openWindow(browser, server.url, options);
      open.push(page);
      return page;
    },
  };
}

export const status = (page: Page) => page.getByRole('status');
/** Waits until everything is stored. */
export const saved = (page: Page) =>
  status(page)
    .filter({ hasText: /^Saved$/ })
    .waitFor();
export const cards = (page: Page) => page.getByRole('list', { name: 'Timeline' }).getByRole('listitem');
export const face = (page: Page, index: number) => cards(page).nth(index).getByRole('button').first();
/** Chooses a shot by its place, counted from 1. */
export const choose = (page: Page, number: number): Promise<void> => face(page, number - 1).click();
export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
/** The button that makes the clip of the chosen shot, with what that costs. */
export const generateButton = (page: Page) => player(page).getByRole('button', { name: /^Generate(, |$)/ });
export const player = (page: Page) => page.getByRole('region', { name: 'Player' });
/** The clip of the chosen shot in the player. */
export const clip = (page: Page) => page.getByLabel(/^Clip of shot/);
export const prompt = (page: Page) => page.getByLabel('Prompt', { exact: true });

type Files = Parameters<Awaited<ReturnType<typeof chooserOf>>['setFiles']>[0];
const chooserOf = (page: Page) => page.waitForEvent('filechooser');

/** Chooses files behind a button that opens the file picker. */
export async function pickFiles(page: Page, name: string, files: Files): Promise<void> {
  const chooser = chooserOf(page);
  await button(page, name).click();
  await (await chooser).setFiles(files);
}

/** Adds copies of the sample picture, and waits until they are stored. */
export async function addPictures(page: Page, count: number): Promise<void> {
  const before = await cards(page).count();
  await pickFiles(
    page,
    'Add pictures',
    Array.from({ length: count }, () => sample),
  );
  await page
    .locator('[data-workspace-id]')
    .nth(before + count - 1)
    .waitFor();
  await saved(page);
}
