/// <reference lib="dom" />
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { axeViolations, openWindow } from './browser';
import { doubles, list, page, server, useDoubles } from './doubles-page';
import {
  addPictures,
  button,
  cards,
  choose,
  face,
  generateButton,
  pickFiles,
  player,
  prompt,
  sample,
  saved,
} from './timeline-page';

jest.setTimeout(60_000);

useDoubles();

const form = () => page.getByRole('region', { name: 'Shot', exact: true });
const field = (name: 'Start from' | 'End on' | 'Model') => form().getByLabel(name, { exact: true });
const card = (number: number, window: Page = page) => cards(window).nth(number - 1);
const endPicture = () => form().getByRole('group', { name: 'End picture' });

/** Shots with a picture and a prompt each. */
async function addShots(count: number): Promise<void> {
  await addPictures(page, count);
  for (let number = 1; number <= count; number++) {
    await choose(page, number);
    await prompt(page).fill(`boat ${number} leaves`);
  }
  await saved(page);
}

async function generateShot(number: number): Promise<void> {
  await choose(page, number);
  await generateButton(page).click();
  await card(number).filter({ hasText: 'Ready' }).waitFor();
}

const paths = async () => (await list()).map(({ end_image_path: path }) => path);

/** Drops a picture on the end picture, or pastes it there. */
async function bring(how: 'drop' | 'paste'): Promise<void> {
  const bytes = [...(await readFile(sample))];
  await endPicture().evaluate(
    (slot, { kind, content }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(content)], 'sample.jpg', { type: 'image/jpeg' }));
      const options = { bubbles: true, cancelable: true };
      if (kind === 'paste') slot.dispatchEvent(new ClipboardEvent('paste', { ...options, clipboardData: data }));
      else slot.dispatchEvent(new DragEvent('drop', { ...options, dataTransfer: data }));
    },
    { kind: how, content: bytes },
  );
}

it('makes a shot from the last frame of the one before, and shows on every card and window what continues what', async () => {
  await addShots(3);
  await generateShot(1);
  await choose(page, 2);
  await field('Start from').selectOption('Previous shot');
  await form().getByText('Continues from shot 1').waitFor();
  await form().getByRole('img', { name: 'Last frame of shot 1' }).waitFor();
  await player(page).getByRole('img', { name: 'Last frame of shot 1' }).waitFor();
  await card(2).getByTestId('link').waitFor();
  expect(await card(2).innerText()).toContain('Continues from shot 1');
  expect(await axeViolations(page)).toEqual([]);

  await generateShot(2);
  const [first, second] = await list();
  expect(second!.video).toMatchObject({ from_attempt_id: first!.video.attempt_id, from_s: null });
  expect(second!.video.image_url).not.toBe(second!.image_url);
  const sent = await doubles.runway.pictures();
  expect(sent.map((one) => one.first !== null)).toEqual([true, true]);
  expect(sent[1]!.first).not.toEqual(sent[0]!.first);

  const other = await openWindow(page.context().browser()!, server.url);
  await card(2, other).filter({ hasText: 'Ready' }).waitFor();
  await choose(page, 1);
  await button(page, 'Delete').click();
  await card(1).filter({ hasText: 'Changed since' }).waitFor();
  await card(1, other).filter({ hasText: 'Changed since' }).waitFor();
  await choose(page, 1);
  await form().getByText('There is no shot before it to continue from').waitFor();
  await button(page, 'Undo').click();
  await card(2, other).filter({ hasText: 'Ready' }).waitFor();
  await other.context().close();
  expect(page.troubles).toEqual([]);
});

it('says which shot it continues from after a move, and that its clip is not of that', async () => {
  await addShots(3);
  await generateShot(1);
  await choose(page, 2);
  await field('Start from').selectOption('Previous shot');
  await generateShot(2);
  await generateShot(3);
  await face(page, 2).focus();
  await page.keyboard.press('Alt+ArrowLeft');
  await choose(page, 3);
  await form().getByText('Continues from shot 2').waitFor();
  await card(3).filter({ hasText: 'Changed since' }).waitFor();
  await player(page).getByText('a shot beside it has changed').waitFor();
});

it('is out of date when another take of the shot before is chosen, or its end is cut', async () => {
  await addShots(2);
  await generateShot(1);
  await prompt(page).fill('another boat leaves');
  await generateShot(1);
  await choose(page, 2);
  await field('Start from').selectOption('Previous shot');
  await generateShot(2);
  await player(page).getByText('from the previous shot').waitFor({ state: 'detached' });
  await choose(page, 1);
  await button(page, 'Use only the clip').click();
  await card(2).filter({ hasText: 'Changed since' }).waitFor();
  await button(page, 'Undo').click();
  await card(2).filter({ hasText: 'Ready' }).waitFor();
  await page.getByLabel('Out', { exact: true }).fill('0.5');
  await page.getByLabel('Out', { exact: true }).blur();
  await card(2).filter({ hasText: 'Changed since' }).waitFor();
});

it('says before the click what a shot is to start from or end on and cannot', async () => {
  await addShots(2);
  const why = player(page).locator('#generate-what');
  const says = async (words: string) => {
    await why.getByText(words).waitFor();
    expect(await generateButton(page).isDisabled()).toBe(true);
  };
  await choose(page, 1);
  await field('Start from').selectOption('Previous shot');
  await says('There is no shot before it to continue from');
  await field('Start from').selectOption('Picture');
  await field('Model').selectOption('veo3.1');
  await field('End on').selectOption('Picture');
  await says('Needs an end picture first');
  await choose(page, 2);
  await field('Start from').selectOption('Previous shot');
  await says('Needs a clip of shot 1 first');
  await field('End on').selectOption('Next shot');
  await form().getByText('gen4.5 cannot end on a picture.').waitFor();
  // What there is to end on matters to a model only that can.
  expect(await why.innerText()).toBe('Needs a clip of shot 1 first');
  await field('Model').selectOption('veo3.1');
  await says('Needs a clip of shot 1 first · There is no shot after it to end on');
  await field('Model').selectOption('gen4.5');
  await button(page, 'End on nothing').click();
  expect(await field('End on').inputValue()).toBe('none');
});

it('ends on a picture that comes by button, drop and paste, is undone, and is sent', async () => {
  await addShots(1);
  await field('Model').selectOption('veo3.1');
  await page.getByLabel('Duration').selectOption('4');
  await field('End on').selectOption('Picture');
  await pickFiles(page, 'Choose end picture', sample);
  await button(page, 'Remove end picture').waitFor();
  await saved(page);
  const [chosen] = await paths();
  for (const how of ['drop', 'paste'] as const) {
    const before = await paths();
    await bring(how);
    await page.waitForFunction(
      (old) => document.querySelector('[data-end-picture] img')?.getAttribute('src') !== `/${old}`,
      before[0],
    );
    await saved(page);
    expect(await paths()).not.toEqual(before);
  }
  await button(page, 'Undo').click();
  await button(page, 'Undo').click();
  await saved(page);
  expect(await paths()).toEqual([chosen]);
  await button(page, 'Remove end picture').click();
  await endPicture().getByRole('img').waitFor({ state: 'detached' });
  await button(page, 'Undo').click();
  await generateShot(1);
  expect((await list())[0]!.video.end_image_url).toBe(`/${chosen}`);
  expect((await doubles.runway.pictures())[0]!.last).not.toBeNull();
  expect(await cards(page).count()).toBe(1);

  await field('End on').selectOption('Nothing');
  await generateShot(1);
  const takes = page.getByRole('region', { name: 'Takes' });
  await takes.getByText('to an end picture').waitFor();
  await takes.getByRole('button', { name: 'Use this take' }).click();
  await saved(page);
  expect(await field('End on').inputValue()).toBe('image');
  expect(page.troubles).toEqual([]);
});

it('gives all shots but the first the start from the one before, in one step', async () => {
  await addShots(3);
  await field('Start from').selectOption('Previous shot');
  await button(page, 'Apply start to all').click();
  await page.getByText('Start applied to 2 shots').waitFor();
  await saved(page);
  expect((await list()).map(({ form_data: made }) => made.start)).toEqual(['image', 'previous', 'previous']);
  await button(page, 'Undo').click();
  await saved(page);
  expect((await list()).map(({ form_data: made }) => made.start)).toEqual(['image', 'image', 'previous']);
});

it('makes a shot without a picture of its own, and ends one on the picture of the next', async () => {
  await addShots(2);
  const [first] = await list();
  await choose(page, 1);
  await field('Model').selectOption('veo3.1');
  await page.getByLabel('Duration').selectOption('4');
  await field('End on').selectOption('Next shot');
  await form().getByText('Ends on the picture of shot 2').waitFor();
  await generateShot(1);
  const [made, next] = await list();
  expect(made!.video.end_image_url).toBe(next!.image_url);
  expect(first!.image_url).not.toBe(next!.image_url);
  await pickFiles(page, 'Replace picture', sample);
  await card(1).filter({ hasText: 'Changed since' }).waitFor();
});

it('speaks of it in Chinese', async () => {
  await addShots(2);
  await choose(page, 2);
  await field('Start from').selectOption('Previous shot');
  await button(page, '切换到中文').click();
  await page.getByLabel('开头').waitFor();
  await page.locator('#generate-what').getByText('需要先生成镜头 1 的视频').waitFor();
});
