/// <reference lib="dom" />
import sharp from 'sharp';
import type { Workspace } from '../../src/contract/workspace';
import { addPictures, button, choose, pickFiles, sample, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();
const ratios = async () =>
  ((await server().get('/api/workspaces')).body.workspaces as Workspace[]).map(
    ({ form_data: form }) => form.aspect_ratio,
  );
const picture = async (width: number, height: number) => ({
  name: `${width}x${height}.png`,
  mimeType: 'image/png',
  buffer: await sharp({ create: { width, height, channels: 3, background: '#4a6' } })
    .png()
    .toBuffer(),
});

it('gives the first picture of a timeline the ratio that is nearest to it, and those that follow the same', async () => {
  const page = await visit();
  await pickFiles(page, 'Choose from this computer', [await picture(600, 1000), await picture(900, 500)]);
  await page.locator('[data-workspace-id]').nth(1).waitFor();
  await saved(page);
  expect(await ratios()).toEqual(['9:16', '9:16']);
  await addPictures(page, 1);
  expect(await ratios()).toEqual(['9:16', '9:16', '9:16']);
});

it('dims what the ratio cuts from a picture of another shape, and changes the ratio with one press', async () => {
  const page = await visit();
  await pickFiles(page, 'Add pictures', [await picture(1600, 900), await picture(540, 960)]);
  await page.locator('[data-workspace-id]').nth(1).waitFor();
  await saved(page);
  await choose(page, 1);
  await page.getByAltText('Picture of shot 1').waitFor();
  expect(await page.getByTestId('crop').count()).toBe(0);
  await choose(page, 2);
  await page.getByText('16:9 cuts the dimmed parts').waitFor();
  const [still, dimmed] = await page.getByTestId('crop-frame').evaluate((frame) => {
    const box = frame.getBoundingClientRect();
    return [box.height / box.width, frame.firstElementChild!.getBoundingClientRect().height / box.height];
  });
  expect(still).toBeCloseTo(960 / 540, 2);
  expect(dimmed).toBeCloseTo((1 - (540 / 960) * (9 / 16)) / 2, 2);
  await button(page, 'Use 9:16').click();
  await page.getByTestId('crop').waitFor({ state: 'detached' });
  await saved(page);
  expect(await ratios()).toEqual(['16:9', '9:16']);
  await button(page, 'Undo').click();
  await page.getByText('16:9 cuts the dimmed parts').waitFor();
});

it('shows the upper part of a high picture on its card', async () => {
  const page = await visit();
  await pickFiles(page, 'Add pictures', sample);
  // The card of the upload has a picture too, and gives way to that of the shot.
  const place = await page
    .locator('[data-workspace-id] img')
    .evaluate((image) => getComputedStyle(image).objectPosition);
  expect(place).toBe('50% 22%');
});
