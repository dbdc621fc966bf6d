/// <reference lib="dom" />
import { readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
const quietArgs = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** A page, and everything that must not have happened in it. */
export type WatchedPage = Page & { troubles: string[] };

/** Starts the Chromium of this machine. */
export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium', args: [...args, ...quietArgs] });

/** Opens a window of its own; errors of the console and requests to other hosts are kept in `troubles`. */
export async function openWindow(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    colorScheme: 'dark',
    ...options,
  });
  const page = await context.newPage();
  const troubles: string[] = [];
  const { host } = new URL(url);
  page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('request', (request) => {
    const address = new URL(request.url());
    if (/^(https?|wss?):$/.test(address.protocol) && address.host !== host) troubles.push(`asked ${address.host}`);
  });
  await page.goto(url);
  return Object.assign(page, { troubles });
}

export const cardIds = (page: Page): Promise<string[]> =>
  page
    .locator('[data-workspace-id]')
    .evaluateAll((cards) => cards.map((card) => card.getAttribute('data-workspace-id')!));

/** What axe-core finds on the page as it is, as short sentences. */
export async function axeViolations(page: Page): Promise<string[]> {
  // A transition that is still running has colours that nobody reads.
  await page.evaluate(() =>
    Promise.all(
      document
        .getAnimations()
        .filter((a) => a.effect?.getComputedTiming().endTime !== Infinity)
        .map((a) => a.finished.catch(() => null)),
    ),
  );
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    const { axe: engine } = window as unknown as { axe: { run: () => Promise<Result> } };
    const { violations } = await engine.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    );
  });
}
