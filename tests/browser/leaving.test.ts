/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { addPictures, button, cards, pickFiles, sample, saved, status, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit } = useTimeline();

/** Tries to close the page; whether the browser asks first. */
async function asksBeforeLeaving(page: Page): Promise<boolean> {
  const asked = new Promise<boolean>((resolve) => {
    page.once('dialog', (dialog) => {
      resolve(dialog.type() === 'beforeunload');
      void dialog.dismiss();
    });
    page.once('close', () => resolve(false));
  });
  await page.close({ runBeforeUnload: true });
  return asked;
}

it('says "Saved" and lets the page go only when the pictures are uploaded', async () => {
  const page = await visit();
  await addPictures(page, 1);
  let release = () => undefined as void;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/upload/image', async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest('**/api/upload/image');
  await pickFiles(page, 'Add pictures', sample);
  await asked;
  expect(await status(page).first().textContent()).toBe('Saving…');
  expect(await asksBeforeLeaving(page)).toBe(true);
  release();
  await page.locator('[data-workspace-id]').nth(1).waitFor();
  await saved(page);
  expect(await asksBeforeLeaving(page)).toBe(false);
});

it('asks before leaving while a picture that could not be sent still waits for another try', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.route('**/api/upload/image', (route) => route.abort());
  await pickFiles(page, 'Add pictures', sample);
  await page.getByText('Not uploaded: sample.jpg').waitFor();
  expect(await status(page).first().textContent()).toBe('1 not saved');
  expect(await asksBeforeLeaving(page)).toBe(true);
  await button(page, 'Remove').click();
  await saved(page);
  expect(await cards(page).count()).toBe(1);
  expect(await asksBeforeLeaving(page)).toBe(false);
});
