import path from 'node:path';
import type { Locator, Page } from 'playwright-core';

const sample = path.resolve(__dirname, '../../docs/sample.jpg');

export const cards = (page: Page): Locator => page.getByRole('list', { name: 'Timeline' }).getByRole('listitem');

export const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });

export const prompt = (page: Page): Locator => page.getByLabel('Prompt', { exact: true });

/** Waits until everything is stored. */
export const saved = (page: Page): Promise<void> =>
  page
    .getByRole('status')
    .filter({ hasText: /^Saved$/ })
    .waitFor();

/** Chooses a shot by its place, counted from 1. */
export const choose = (page: Page, number: number): Promise<void> =>
  cards(page)
    .nth(number - 1)
    .getByRole('button')
    .first()
    .click();

/** Adds sample pictures, and waits until each is a stored shot. */
export async function addPictures(page: Page, count: number): Promise<void> {
  const before = await cards(page).count();
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'Add pictures').click();
  await (await chooser).setFiles(Array.from({ length: count }, () => sample));
  await page
    .locator('[data-workspace-id]')
    .nth(before + count - 1)
    .waitFor();
  await saved(page);
}
