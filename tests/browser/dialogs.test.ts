/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { addPictures, button, cards, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit } = useTimeline();
const dialog = (page: Page) => page.getByRole('dialog');
const historyIsBack = (page: Page) => page.waitForFunction(() => history.state === null);

it.each([
  ['Play film', 'Film'],
  ['Generate all', 'Generate'],
  ['Keyboard shortcuts', 'Keyboard shortcuts'],
  ['Trash', 'Trash'],
])('closes the dialog of "%s" by Back, stays in the app, and opens nothing by Forward', async (name, title) => {
  const page = await visit();
  await addPictures(page, 1);
  await button(page, name).click();
  await page.getByRole('dialog', { name: title }).waitFor();
  await page.goBack();
  await dialog(page).waitFor({ state: 'detached' });
  expect(await cards(page).count()).toBe(1);
  await page.goForward();
  await historyIsBack(page);
  expect(await dialog(page).count()).toBe(0);
  expect(page.troubles).toEqual([]);
});

it('leaves no entry in the history behind a dialog that was closed otherwise or by a reload', async () => {
  const page = await visit();
  await addPictures(page, 1);
  for (const close of ['Escape', 'button', 'reload']) {
    await button(page, 'Play film').click();
    await dialog(page).waitFor();
    if (close === 'Escape') await page.keyboard.press('Escape');
    else if (close === 'button') await button(page, 'Close').click();
    else await page.reload();
    await dialog(page).waitFor({ state: 'detached' });
    await historyIsBack(page);
  }
  await cards(page).first().waitFor();
  await page.goBack();
  expect(page.url()).toBe('about:blank');
});
