/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { cardIds } from './browser';
import { doubles, list, page, server, useDoubles } from './doubles-page';
import { addPictures, button, cards, choose, clip, generateButton, player, prompt, saved } from './timeline-page';

jest.setTimeout(60_000);

useDoubles();

const stageClip = () => clip(page).getAttribute('src');
const cardOf = (number: number) => cards(page).nth(number - 1);

/** Writes a prompt and waits until its clip is in the player. */
async function makeClip(words: string): Promise<string> {
  await prompt(page).fill(words);
  await saved(page);
  const landed = page.waitForResponse('**/uploads/videos/**');
  await generateButton(page).click();
  await landed;
  await generateButton(page).waitFor();
  return (await stageClip())!;
}

const showsPrompt = (words: string): boolean =>
  document.querySelector<HTMLTextAreaElement>('#field-prompt')?.value === words;

/** What the film shows of the first shot. */
async function filmShows(): Promise<string> {
  await button(page, 'Play film').click();
  const shown = page.getByTestId('shown').first();
  await shown.waitFor();
  const source = await shown.evaluate((element) => `${element.tagName} ${element.getAttribute('src')}`);
  await page.keyboard.press('Escape');
  return source;
}

async function expectClip(url: string): Promise<void> {
  expect(await stageClip()).toBe(url);
  await cardOf(1).hover();
  await cardOf(1).locator(`video[src="${url}"]`).waitFor();
  expect(await filmShows()).toBe(`VIDEO ${url}`);
}

it('keeps the clip while a new one is made, after its failure and after a cancellation', async () => {
  await addPictures(page, 1);
  const url = await makeClip('first light');
  await doubles.runway.set({ ends: 'never' });
  await prompt(page).fill('second light');
  await generateButton(page).click();
  await button(page, 'Cancel').waitFor();
  await expectClip(url);
  await player(page).getByText('Generating').waitFor();

  await button(page, 'Cancel').click();
  await page.getByText('You cancelled this.').waitFor();
  await expectClip(url);
  expect(await cardOf(1).innerText()).not.toContain('Failed');

  await doubles.runway.set({ ends: 'failed' });
  await generateButton(page).click();
  await page.getByText('could not make this clip').first().waitFor();
  await expectClip(url);
  expect(await cardOf(1).innerText()).toContain('Failed');
  expect(page.troubles).toEqual([]);
});

it('brings back the shot of the notice, chooses it, and leaves alone what was done since', async () => {
  await addPictures(page, 5);
  const ids = await cardIds(page);
  for (const number of [4, 2]) {
    await choose(page, number);
    await cardOf(number).getByRole('button', { name: 'Delete' }).click();
  }
  await prompt(page).fill('written since');
  const notice = page.getByTestId('toast').filter({ hasText: 'Shot 4 deleted' });
  await notice.getByRole('button', { name: 'Bring back' }).click();
  await page.locator(`[data-workspace-id="${ids[3]}"] [aria-current="true"]`).waitFor();
  await saved(page);
  expect(await cardIds(page)).toEqual([ids[0], ids[2], ids[3], ids[4]]);
  expect((await list()).map(({ form_data: form }) => form.prompt)).toContain('written since');

  await button(page, 'Undo').click();
  await saved(page);
  expect((await list()).map(({ _id: id }) => id)).toEqual([ids[0], ids[2], ids[4]]);
  expect((await list()).map(({ form_data: form }) => form.prompt)).toContain('written since');
});

it('brings the form of a chosen take in one step, after which nothing is left to generate', async () => {
  await addPictures(page, 1);
  const first = await makeClip('slow river');
  const second = await makeClip('fast river');
  expect(second).not.toBe(first);
  await button(page, 'Use this take').click();
  await saved(page);
  expect(await prompt(page).inputValue()).toBe('slow river');
  expect((await list())[0]).toMatchObject({ video: { url: first }, form_data: { prompt: 'slow river' } });
  expect(await cardOf(1).innerText()).toContain('Ready');
  await button(page, 'Generate all').click();
  await page.getByRole('dialog').getByText('Nothing to generate').waitFor();
  await page.keyboard.press('Escape');

  await button(page, 'Undo').click();
  await saved(page);
  expect((await list())[0]).toMatchObject({ video: { url: second }, form_data: { prompt: 'fast river' } });
  await button(page, 'Redo').click();
  await saved(page);
  expect((await list())[0]).toMatchObject({ video: { url: first }, form_data: { prompt: 'slow river' } });
});

it('shows the form of a take that was chosen in another window', async () => {
  await addPictures(page, 1);
  await makeClip('slow river');
  await makeClip('fast river');
  const other = await page.context().newPage();
  await other.goto(server.url);
  await other.waitForFunction(showsPrompt, 'fast river');
  await button(page, 'Use this take').click();
  await other.waitForFunction(showsPrompt, 'slow river');
});

it('takes only the clip of a take where that is asked for', async () => {
  await addPictures(page, 1);
  const first = await makeClip('slow river');
  await makeClip('fast river');
  await button(page, 'Use only the clip').click();
  await saved(page);
  expect((await list())[0]).toMatchObject({ video: { url: first }, form_data: { prompt: 'fast river' } });
});

it('names the shots that "Generate all" would make', async () => {
  await addPictures(page, 3);
  for (const number of [1, 2, 3]) {
    await choose(page, number);
    await prompt(page).fill(`shot of ${number}`);
  }
  await choose(page, 2);
  await makeClip('already made');
  await button(page, 'Generate all').click();
  const names = page.getByRole('dialog').getByRole('region', { name: 'Ready' }).getByRole('listitem').locator('strong');
  await names.first().waitFor();
  expect(await names.allInnerTexts()).toEqual(['Shot 1', 'Shot 3']);
});

it('remembers the provider of each shot over a reload, and says who made a take with which prompt', async () => {
  await addPictures(page, 2);
  await choose(page, 2);
  await page.getByLabel('Provider').selectOption('kling');
  await saved(page);
  await page.reload();
  await choose(page, 1);
  expect(await page.getByLabel('Provider').inputValue()).toBe('runway');
  await choose(page, 2);
  expect(await page.getByLabel('Provider').inputValue()).toBe('kling');

  await makeClip('made by Kling');
  await page.getByLabel('Provider').selectOption('runway');
  await makeClip('made by Runway');
  const takes = page.getByRole('region', { name: 'Takes' });
  const told = await takes.innerText();
  for (const words of ['Kling', 'made by Kling', 'Runway', 'made by Runway']) expect(told).toContain(words);
});

it('shows the provider of a shot in the other window of this browser', async () => {
  await addPictures(page, 1);
  const other: Page = await page.context().newPage();
  await other.goto(server.url);
  await cards(other).first().waitFor();
  await page.getByLabel('Provider').selectOption('kling');
  await other.waitForFunction(() => document.querySelector<HTMLSelectElement>('#field-provider')?.value === 'kling');
});
