/// <reference lib="dom" />
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { Workspace } from '../../src/contract/workspace';
import { axeViolations } from './browser';
import { addPictures, button, clip, face, generateButton, player, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();

const field = (page: Page, name: string) => page.getByLabel(name, { exact: true });
const handle = (page: Page, name: 'In point' | 'Out point') => page.getByRole('slider', { name });
const cutOf = async (): Promise<Workspace['cut']> =>
  ((await server().get('/api/workspaces')).body.workspaces as Workspace[])[0]!.cut;
/** Waits until the player shows a moment of the clip. */
const shows = (page: Page, atS: number) =>
  page.waitForFunction((wanted) => {
    const video = document.querySelector<HTMLVideoElement>('video[aria-label^="Clip of"]');
    return video !== null && !video.seeking && video.paused && Math.abs(video.currentTime - wanted) < 0.03;
  }, atS);

async function generate(page: Page, words: string): Promise<void> {
  await field(page, 'Prompt').fill(words);
  await generateButton(page).click();
  await generateButton(page).waitFor({ timeout: 60_000 });
  await clip(page).waitFor();
  await saved(page);
}

/** A shot with a clip of two seconds, which are 48 frames of the film. */
async function visitWithClip(options?: BrowserContextOptions) {
  const page = await visit(options);
  await addPictures(page, 1);
  await page.getByLabel('Duration').selectOption('2');
  await generate(page, 'rain');
  return page;
}

it('keeps in and out as they are typed, tells them on the card, and undoes them', async () => {
  const page = await visitWithClip();
  await field(page, 'In').fill('0,25');
  await field(page, 'Out').fill('1.5');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0.25, out_s: 1.5 });
  await face(page, 0).getByText('0:00.3–0:01.5').waitFor();
  await page.getByText('1 shot · 0:01', { exact: true }).waitFor();

  await field(page, 'Out').fill('0.1');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0.25, out_s: 0.1 });
  expect(await handle(page, 'Out point').getAttribute('aria-valuenow')).toBe('0.292');

  await field(page, 'Out').fill('');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0.25, out_s: null });
  await field(page, 'In').fill('1');
  await field(page, 'In').press('Control+z');
  expect(await field(page, 'In').inputValue()).toBe('0.25');
  // How many steps the changes of out are depends on the pauses between them.
  for (let steps = 0; steps < 4 && (await field(page, 'In').inputValue()) !== '0'; steps++) {
    await button(page, 'Undo').click();
  }
  expect(await field(page, 'In').inputValue()).toBe('0');
  await face(page, 0).getByText('0:0').waitFor({ state: 'detached' });
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0, out_s: null });
});

it('moves in and out by the keyboard to the frame, and shows the frame', async () => {
  const page = await visitWithClip();
  const [first, last] = [handle(page, 'In point'), handle(page, 'Out point')];
  await first.press('ArrowRight');
  expect(await field(page, 'In').inputValue()).toBe('0.042');
  await shows(page, 1.5 / 24);
  await first.press('Shift+ArrowRight');
  expect(await field(page, 'In').inputValue()).toBe('0.458');
  await shows(page, 11.5 / 24);
  await last.press('ArrowLeft');
  expect(await field(page, 'Out').inputValue()).toBe('1.958');
  await shows(page, 46.5 / 24);

  await first.press('End');
  expect(await field(page, 'In').inputValue()).toBe('1.917');
  await last.press('ArrowLeft');
  expect(await field(page, 'Out').inputValue()).toBe('1.958');
  await first.press('Home');
  await last.press('Home');
  expect(await field(page, 'Out').inputValue()).toBe('0.042');
  await last.press('End');
  expect(await field(page, 'Out').inputValue()).toBe('');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0, out_s: null });
  expect(await axeViolations(page)).toEqual([]);
  expect(page.troubles).toEqual([]);
});

it('moves in by the mouse as one step of undo, with the frame in the player while it is held', async () => {
  const page = await visitWithClip();
  const strip = (await page.getByTestId('cut-strip').boundingBox())!;
  const { x, y, width, height } = (await handle(page, 'In point').boundingBox())!;
  const middle = x + width / 2 + strip.width / 2;
  const end = middle + strip.width / 2;
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(middle, y + height / 2, { steps: 4 });
  await shows(page, 24.5 / 24);
  // What is still held is nobody's yet.
  expect((await cutOf()).in_s).toBe(0);
  expect(await field(page, 'In').inputValue()).toBe('1');
  await page.mouse.move(end + 200, y, { steps: 4 });
  await shows(page, 47.5 / 24);
  await page.mouse.move(middle, y, { steps: 4 });
  await page.mouse.up();
  expect(await field(page, 'In').inputValue()).toBe('1');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 1, out_s: null });
  await button(page, 'Undo').click();
  expect(await field(page, 'In').inputValue()).toBe('0');
});

it('moves out by a finger, and the page stays where it is', async () => {
  const page = await visitWithClip({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
  await handle(page, 'Out point').scrollIntoViewIfNeeded();
  const scrolled = await page.evaluate(() => window.scrollY);
  const strip = (await page.getByTestId('cut-strip').boundingBox())!;
  const y = strip.y + strip.height / 2;
  // Beside the handle: a finger meets more than it sees.
  const start = strip.x + strip.width + 20;
  const line = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', x?: number, at = y) =>
    line.send('Input.dispatchTouchEvent', { type, touchPoints: x === undefined ? [] : [{ x, y: at }] });
  await touch('touchStart', start);
  for (const part of [0.25, 0.5]) await touch('touchMove', start - strip.width * part, y - 100 * part);
  await shows(page, 23.5 / 24);
  await touch('touchEnd');
  await saved(page);
  expect(await cutOf()).toMatchObject({ in_s: 0, out_s: 1 });
  expect(await page.evaluate(() => window.scrollY)).toBe(scrolled);
  // Nothing of the strip makes the page wider than the screen.
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
});

it('has a caption for a picture too, but neither in nor out nor volume', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await field(page, 'Caption').fill('Dawn breaks');
  for (const name of ['In', 'Out', 'Volume']) expect(await field(page, name).count()).toBe(0);
  await saved(page);
  expect((await cutOf()).caption).toBe('Dawn breaks');
  await button(page, 'Undo').click();
  expect(await field(page, 'Caption').inputValue()).toBe('');
});

it('keeps the volume of a clip', async () => {
  const page = await visitWithClip();
  await field(page, 'Volume').fill('0.35');
  await page.getByText('35 %', { exact: true }).waitFor();
  await saved(page);
  expect((await cutOf()).volume).toBe(0.35);
});

it('leaves everything in reach in a low window, with takes, and makes the page no longer by an answer', async () => {
  const page = await visitWithClip({ viewport: { width: 1366, height: 768 } });
  await generate(page, 'more rain');
  await field(page, 'Message to the assistant').fill('How about dusk?');
  await button(page, 'Ask').click();
  await button(page, 'Apply').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBe(768);
  const heightOf = async () => (await clip(page).boundingBox())!.height;
  expect(await heightOf()).toBeGreaterThan(200);
  const room = (await player(page).boundingBox())!;
  const takes = (await page.getByRole('region', { name: 'Takes' }).boundingBox())!;
  expect(takes.y + takes.height).toBeLessThanOrEqual(room.y + room.height);
  await page.setViewportSize({ width: 1440, height: 900 });
  expect(await heightOf()).toBeGreaterThan(320);
});
