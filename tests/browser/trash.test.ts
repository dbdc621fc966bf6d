/// <reference lib="dom" />
import { axeViolations, cardIds } from './browser';
import { addPictures, button, cards, face, prompt, saved, status, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();

it('brings a deleted shot back to its place after a reload, and chooses it', async () => {
  const page = await visit();
  await addPictures(page, 3);
  const ids = await cardIds(page);
  await face(page, 1).click();
  await prompt(page).fill('rain on the roof');
  await saved(page);
  await button(page, 'Delete').click();
  await saved(page);
  await page.reload();
  await cards(page).nth(1).waitFor();

  await button(page, 'Trash').click();
  const row = page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'rain on the roof' });
  await row.waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await row.getByRole('button', { name: 'Restore' }).click();
  await row.waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await cards(page).nth(2).waitFor();
  await saved(page);
  expect(await cardIds(page)).toEqual(ids);
  expect(await prompt(page).inputValue()).toBe('rain on the roof');
});

it('says that the trash is empty, and asks again where the server did not answer', async () => {
  const page = await visit();
  await page.route('**/api/trash', (route) => route.abort());
  await button(page, 'Trash').click();
  await page.getByText('The server did not answer.').waitFor();
  await page.unroute('**/api/trash');
  await button(page, 'Try again').click();
  await page.getByText('The trash is empty.').waitFor();
});

it('brings a shot back to its place at once that was deleted while the server is away', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const ids = await cardIds(page);
  await face(page, 0).click();
  await server().kill();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await button(page, 'Delete').click();
  await cards(page).nth(1).waitFor({ state: 'detached' });
  await button(page, 'Undo').click();
  await cards(page).nth(1).waitFor({ timeout: 5000 });
  expect(await cardIds(page)).toEqual(ids);
});
