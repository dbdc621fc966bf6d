/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import type { Batch } from '../../src/contract/batch';
import type { Workspace } from '../../src/contract/workspace';
import { connect } from '../helpers/socket';
import { axeViolations, cardIds, type WatchedPage } from './browser';
import { addPictures, button, cards, choose, face, generateButton, prompt, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();
const list = async (): Promise<Workspace[]> => (await server().get('/api/workspaces')).body.workspaces as Workspace[];
const prompts = async () => (await list()).map(({ form_data: form }) => form.prompt);
const selection = (page: Page) => page.getByRole('group', { name: /shots selected$/ });
const selected = (page: Page) =>
  page
    .locator('[aria-pressed="true"]')
    .evaluateAll((faces) =>
      faces.flatMap((one) => one.closest('[data-workspace-id]')?.getAttribute('aria-posinset') ?? []).map(Number),
    );

/** Opens a window on shots without pictures, whose prompts are the letters. */
async function visitShots(letters: string): Promise<WatchedPage> {
  const socket = await connect(server().wsUrl);
  for (const letter of letters) {
    await socket.ask({ type: 'workspace.create', data: { form_data: { prompt: letter } } });
  }
  socket.close();
  const page = await visit();
  await page.locator(`[aria-setsize="${letters.length}"]`).first().waitFor();
  return page;
}

it('extends with Shift, toggles with Ctrl, takes all with Ctrl+A, and returns to one with Escape', async () => {
  const page = await visitShots('abcdef');
  await choose(page, 2);
  await face(page, 3).click({ modifiers: ['Shift'] });
  expect(await selected(page)).toEqual([2, 3, 4]);
  await page.keyboard.press('Shift+ArrowRight');
  expect(await selected(page)).toEqual([2, 3, 4, 5]);
  await page.keyboard.press('Shift+ArrowLeft');
  await face(page, 2).click({ modifiers: ['Control'] });
  expect(await selected(page)).toEqual([2, 4]);
  await selection(page).getByText('2 shots selected').waitFor();

  await page.keyboard.press('Control+a');
  expect(await selected(page)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await axeViolations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  expect(await selected(page)).toEqual([]);
  expect(await page.locator('[aria-current="true"]').count()).toBe(1);
  expect(page.troubles).toEqual([]);
});

it('leaves Ctrl+A in a text box to the text', async () => {
  const page = await visitShots('abc');
  await prompt(page).focus();
  await page.keyboard.press('Control+a');
  expect(await selected(page)).toEqual([]);
});

it('deletes the chosen shots in one step, and brings all of them back to their places', async () => {
  const page = await visitShots('abcdef');
  await choose(page, 2);
  await face(page, 4).click({ modifiers: ['Shift'] });
  await face(page, 2).click({ modifiers: ['Control'] });
  await selection(page).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('3 shots deleted').waitFor();
  await saved(page);
  expect(await prompts()).toEqual(['a', 'c', 'f']);
  await button(page, 'Bring back').click();
  await cards(page).nth(5).waitFor();
  await saved(page);
  expect(await prompts()).toEqual([...'abcdef']);
  expect(await selected(page)).toEqual([2, 4, 5]);
  await button(page, 'Undo').click();
  await button(page, 'Undo').click();
  await saved(page);
  expect(await prompts()).toEqual([...'abcdef']);
  await button(page, 'Redo').click();
  await saved(page);
  expect(await prompts()).toEqual(['a', 'c', 'f']);
});

it('applies a field to all shots, or to the chosen ones, in one step that tells to how many', async () => {
  const page = await visitShots('abcd');
  const ratios = async () => (await list()).map(({ form_data: form }) => form.aspect_ratio);
  await choose(page, 1);
  await page.getByLabel('Aspect ratio').selectOption('9:16');
  await button(page, 'Apply aspect ratio to all').click();
  await page.getByText('Aspect ratio applied to 4 shots').waitFor();
  await saved(page);
  expect(await ratios()).toEqual(['9:16', '9:16', '9:16', '9:16']);
  await button(page, 'Undo').click();
  await saved(page);
  expect(await ratios()).toEqual(['9:16', '16:9', '16:9', '16:9']);

  await face(page, 1).click({ modifiers: ['Shift'] });
  await page.getByLabel('Seed').fill('7');
  await button(page, 'Apply seed to selection').click();
  await page.getByText('Seed applied to 2 shots').waitFor();
  await saved(page);
  expect((await list()).map(({ form_data: form }) => form.seed)).toEqual([7, 7, null, null]);
});

it('duplicates a shot right behind it, with its picture and form, and chooses the copy', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await choose(page, 1);
  await prompt(page).fill('rain on the roof');
  await page.getByLabel('Duration').selectOption('7');
  await page.getByRole('heading', { name: 'Shot' }).click();
  await page.keyboard.press('Control+d');
  await cards(page).nth(2).waitFor();
  await saved(page);
  const [first, copy] = (await list()) as [Workspace, Workspace];
  expect(copy).toMatchObject({ image_path: first.image_path, form_data: first.form_data, takes: [] });
  expect(first.form_data).toMatchObject({ prompt: 'rain on the roof', duration_s: 7 });
  expect(await face(page, 1).getAttribute('aria-current')).toBe('true');
  await button(page, 'Undo').click();
  await saved(page);
  expect(await list()).toHaveLength(2);

  await choose(page, 2);
  await button(page, 'Duplicate').click();
  await cards(page).nth(2).waitFor();
  expect(await face(page, 2).getAttribute('aria-current')).toBe('true');
});

it('moves one shot, or the chosen ones in their order, to a place by its number', async () => {
  const page = await visitShots('abcdef');
  await choose(page, 5);
  await button(page, 'Move to place').click();
  await page.getByLabel('Place, 1 to 6').fill('2');
  expect(await axeViolations(page)).toEqual([]);
  await page.keyboard.press('Enter');
  await saved(page);
  expect(await prompts()).toEqual([...'aebcdf']);

  await choose(page, 1);
  await face(page, 3).click({ modifiers: ['Control'] });
  await button(page, 'Move to place').click();
  await page.getByLabel('Place, 1 to 5').fill('5');
  await button(page, 'Move').click();
  await saved(page);
  expect(await prompts()).toEqual([...'ebdfac']);
  await button(page, 'Undo').click();
  await saved(page);
  expect(await prompts()).toEqual([...'aebcdf']);
});

it('moves the chosen shots with Alt and an arrow, and with a drag of one of them', async () => {
  const page = await visitShots('abcde');
  await choose(page, 1);
  await face(page, 1).click({ modifiers: ['Shift'] });
  await page.keyboard.press('Alt+ArrowRight');
  await saved(page);
  expect(await prompts()).toEqual([...'cabde']);
  const [from, to] = [(await face(page, 1).boundingBox())!, (await face(page, 4).boundingBox())!];
  await page.mouse.move(from.x + 40, from.y + 40);
  await page.mouse.down();
  await page.mouse.move(to.x + 60, to.y + 40, { steps: 8 });
  await page.mouse.up();
  await saved(page);
  expect(await prompts()).toEqual([...'cdeab']);
});

it('generates the chosen shots as one batch', async () => {
  const page = await visit();
  await addPictures(page, 3);
  const ids = await cardIds(page);
  await choose(page, 1);
  await face(page, 2).click({ modifiers: ['Control'] });
  await selection(page).getByRole('button', { name: 'Generate' }).click();
  const dialog = page.getByRole('dialog', { name: 'Generate 2 shots' });
  const names = dialog.getByRole('region', { name: 'Ready' }).getByRole('listitem').locator('strong');
  await names.first().waitFor();
  expect(await names.allInnerTexts()).toEqual(['Shot 1', 'Shot 3']);
  await button(page, 'Start').click();
  await button(page, 'Cancel all').waitFor();
  const [batch] = (await server().get('/api/batches')).body.batches as Batch[];
  expect(batch!.items.map(({ workspace_id: id }) => id)).toEqual([ids[0], ids[2]]);
});

it('shows only what has failed or is not made, with the numbers of the film, and says so where nothing is left', async () => {
  const page = await visit();
  await addPictures(page, 3);
  await page.route('**/api/generate/video', (route) =>
    route.fulfill({ status: 429, json: { error: { code: 'TOO_MANY', message: 'Too many' } } }),
  );
  await choose(page, 2);
  await generateButton(page).click();
  await page.locator('[data-state="failed"]').waitFor();
  await choose(page, 1);
  await button(page, 'Failed').click();
  expect(await cards(page).allInnerTexts()).toEqual([expect.stringContaining('Shot 2')]);
  await page.getByText('1 of 3', { exact: true }).waitFor();
  const ids = await cardIds(page);
  await face(page, 0).focus();
  await page.keyboard.press('Alt+ArrowLeft');
  await page.getByText('Show all shots to move one.').waitFor();
  expect(await cardIds(page)).toEqual(ids);

  await button(page, 'Not made').click();
  expect(await cards(page).count()).toBe(3);
  await button(page, 'Changed').click();
  await page.getByText('No shot has changed').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await button(page, 'Show all shots').click();
  expect(await cards(page).count()).toBe(3);
});

it('scrolls the row with a plain wheel, and leaves the wheel to the page at its end', async () => {
  const page = await visitShots('abcdefghijklmnop');
  const scroller = page.locator('#timeline-scroller');
  const box = (await scroller.boundingBox())!;
  await page.mouse.move(box.x + 300, box.y + 60);
  await page.mouse.wheel(0, 400);
  await page.waitForFunction(() => document.getElementById('timeline-scroller')!.scrollLeft >= 400);
  const turn = (init: { deltaY: number; deltaX?: number; ctrlKey?: boolean }) =>
    scroller.evaluate(
      (element, values) =>
        element.dispatchEvent(new WheelEvent('wheel', { bubbles: true, cancelable: true, ...values })),
      init,
    );
  expect(await turn({ deltaY: 100, ctrlKey: true })).toBe(true);
  expect(await turn({ deltaY: 3, deltaX: 100 })).toBe(true);
  expect(await turn({ deltaY: 100 })).toBe(false);
  await scroller.evaluate((element) => (element.scrollLeft = element.scrollWidth));
  expect(await turn({ deltaY: 100 })).toBe(true);
  expect(await turn({ deltaY: -100 })).toBe(false);
});

it('shows the first words of each prompt, and the length of the film as minutes and seconds', async () => {
  const page = await visitShots('abcdefghijklmno');
  expect(await cards(page).nth(1).locator('[data-testid="words"]').innerText()).toBe('b');
  await page.getByText('15 shots · 1:15').waitFor();
});
