/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { axeViolations } from './browser';
import { addPictures, generateButton, prompt, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit } = useTimeline();
const field = (page: Page) => page.getByLabel('Camera movement');

/** The place on the screen of the choice that the keyboard is at. */
async function activeBox(page: Page) {
  const id = await field(page).getAttribute('aria-activedescendant');
  return (await page.locator(`[id="${id}"]`).boundingBox())!;
}

it('moves in the grid of movements as the eye sees', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await field(page).click();
  await field(page).press('ArrowRight');
  const first = await activeBox(page);
  await field(page).press('ArrowRight');
  const right = await activeBox(page);
  expect([right.y, right.x > first.x]).toEqual([first.y, true]);
  await field(page).press('ArrowDown');
  const below = await activeBox(page);
  expect([below.x, below.y > right.y]).toEqual([right.x, true]);
  await field(page).press('ArrowLeft');
  const left = await activeBox(page);
  expect([left.x, left.y]).toEqual([first.x, below.y]);
  await field(page).press('ArrowUp');
  expect(await activeBox(page)).toEqual(first);
  await field(page).press('Enter');
  expect(await field(page).inputValue()).not.toBe('');
});

it('leaves the caret to the arrow keys among typed words, and the lists of one column to Up and Down', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await field(page).click();
  await field(page).pressSequentially('zom');
  await field(page).press('ArrowLeft');
  await field(page).pressSequentially('o');
  expect(await field(page).inputValue()).toBe('zoom');
  await field(page).press('Escape');

  const size = page.getByLabel('Shot size');
  await size.click();
  await size.press('ArrowDown');
  const first = await size.getAttribute('aria-activedescendant');
  await size.press('ArrowDown');
  expect(await size.getAttribute('aria-activedescendant')).not.toBe(first);
  await size.press('ArrowUp');
  expect(await size.getAttribute('aria-activedescendant')).toBe(first);
});

it('says when no movement has the name, and offers the words as own words', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await field(page).click();
  await field(page).pressSequentially('snake crawl');
  const own = page.getByRole('option', { name: 'Use “snake crawl”' });
  await own.getByText('Nothing here has this name.').waitFor();
  expect(await field(page).getAttribute('aria-activedescendant')).toBe(await own.getAttribute('id'));
  expect(await axeViolations(page)).toEqual([]);
  await own.click();
  await prompt(page).focus();
  expect(await field(page).inputValue()).toBe('snake crawl');
  await saved(page);
  await page.reload();
  await generateButton(page).waitFor();
  expect(await field(page).inputValue()).toBe('snake crawl');
});
