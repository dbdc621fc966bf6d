import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Download, Page } from 'playwright-core';
import { axeViolations } from './browser';
import { addPictures, button, choose, clip, generateButton, prompt, saved, useTimeline } from './timeline-page';

jest.setTimeout(180_000);

const run = promisify(execFile);
const { visit } = useTimeline();

const sheet = (page: Page) => page.getByRole('dialog', { name: 'Export' });
const inSheet = (page: Page, name: string) => sheet(page).getByRole('button', { name, exact: true });
const finished = (page: Page) => sheet(page).getByRole('list', { name: 'Finished films' }).getByRole('listitem');

/** The file that a click saves. */
async function downloadBy(page: Page, click: () => Promise<void>): Promise<Download> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return download;
}

it('makes the film, plays it, saves it under its title, and says when it is out of date', async () => {
  const page = await visit();
  const other = await visit();
  await addPictures(page, 2);
  await button(page, 'Export').click();
  await sheet(page).getByText('0:10 · 1920 × 1080 · 24 fps · 2 shots').waitFor();
  await sheet(page).getByText('Shown as still pictures, as they have no clip: 1, 2.').waitFor();
  await inSheet(page, 'Export film').click();
  await sheet(page).getByRole('progressbar').waitFor();
  // Whoever looks elsewhere sees it as well.
  await button(other, 'Export').click();
  await inSheet(other, 'Download').waitFor({ timeout: 120_000 });

  const download = await downloadBy(page, () => inSheet(page, 'Download').click());
  expect(download.suggestedFilename()).toMatch(/\.mp4$/);
  const probed = await run('ffprobe', ['-v', 'error', '-of', 'json', '-show_streams', await download.path()]);
  const [video] = (JSON.parse(probed.stdout) as { streams: object[] }).streams;
  expect(video).toMatchObject({ codec_name: 'h264', width: 1920, height: 1080, nb_frames: '240' });

  await inSheet(page, 'Play').click();
  await sheet(page).locator('video').waitFor();
  expect(await sheet(page).getByText('Out of date').count()).toBe(0);
  await button(other, 'Close').click();
  await choose(other, 1);
  await other.getByLabel('Duration', { exact: true }).selectOption('3');
  await saved(other);
  await sheet(page).getByText('Out of date').waitFor();
  await inSheet(page, 'Delete this finished film').click();
  await finished(page).first().waitFor({ state: 'detached' });
});

it('burns captions in where the film has any, until somebody chooses otherwise', async () => {
  const page = await visit();
  const captions = sheet(page).getByLabel('Captions', { exact: true });
  await addPictures(page, 1);
  await button(page, 'Export').click();
  expect(await captions.inputValue()).toBe('none');
  await page.keyboard.press('Escape');
  await page.getByLabel('Caption', { exact: true }).fill('Dawn breaks');
  await saved(page);
  await button(page, 'Export').click();
  expect(await captions.inputValue()).toBe('burned');
  await captions.selectOption('track');
  expect(await captions.inputValue()).toBe('track');
});

it('ends an export on Cancel', async () => {
  const page = await visit();
  await addPictures(page, 3);
  await button(page, 'Export').click();
  await inSheet(page, 'Export film').click();
  await inSheet(page, 'Cancel').click();
  await sheet(page).getByText('Cancelled', { exact: true }).waitFor();
  expect(await inSheet(page, 'Download').count()).toBe(0);
});

it('gives packages for editors, and remembers the draft folder', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await button(page, 'Export').click();
  const zip = await downloadBy(page, () => inSheet(page, 'Premiere, DaVinci Resolve').click());
  expect((await readFile(await zip.path())).subarray(0, 2).toString()).toBe('PK');

  const folder = sheet(page).getByLabel('Draft folder');
  await inSheet(page, '剪映').click();
  await sheet(page)
    .getByText(/^Put your user name in the place of <name> first/)
    .waitFor();
  await folder.fill('/Users/ada/Movies/JianyingPro/User Data/Projects/com.lveditor.draft');
  const draft = await downloadBy(page, () => inSheet(page, 'CapCut').click());
  expect(draft.suggestedFilename()).toMatch(/\.zip$/);
  await page.reload();
  await button(page, 'Export').click();
  expect(await folder.inputValue()).toBe('/Users/ada/Movies/CapCut/User Data/Projects/com.lveditor.draft');
});

it.each(['dark', 'light'] as const)('breaks no rule of accessibility in the %s theme', async (colorScheme) => {
  const page = await visit({ colorScheme });
  await addPictures(page, 1);
  await button(page, 'Export').click();
  await sheet(page).waitFor();
  expect(await axeViolations(page)).toEqual([]);
});

it('saves the clip of a shot and a take under the words of the prompt', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await prompt(page).fill('The lamp turns: waves roll in');
  await page.getByLabel('Duration', { exact: true }).selectOption('2');
  await saved(page);
  await generateButton(page).click();
  await clip(page).waitFor();
  const inPlayer = page.getByRole('region', { name: 'Player' }).getByRole('button', { name: 'Download', exact: true });
  const download = await downloadBy(page, () => inPlayer.first().click());
  expect(download.suggestedFilename()).toBe('01 The lamp turns waves roll in.mp4');
});
