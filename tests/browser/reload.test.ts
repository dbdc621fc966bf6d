/// <reference lib="dom" />
import type { Workspace } from '../../src/contract/workspace';
import { cardIds } from './browser';
import {
  addPictures,
  cards,
  choose,
  face,
  generateButton,
  pickFiles,
  sample,
  saved,
  status,
  useTimeline,
} from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();
const list = async (): Promise<Workspace[]> => (await server().get('/api/workspaces')).body.workspaces as Workspace[];

it('keeps the chosen shot and the scroll over a reload', async () => {
  const page = await visit();
  await addPictures(page, 9);
  await choose(page, 8);
  const row = page.locator('#timeline-scroller');
  await row.evaluate((element) => (element.scrollLeft = 40));
  await page.reload();
  await cards(page).first().waitFor();
  await page.waitForFunction(() => document.querySelector('#timeline-scroller')!.scrollLeft === 40);
  await page.getByAltText('Picture of shot 8').waitFor();
  await choose(page, 3);
  await page.reload();
  await page.getByAltText('Picture of shot 3').waitFor();
});

it('sends pictures that were added offline when the server is back, by itself', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const [first, last] = await cardIds(page);
  const isUpload = '**/api/upload/image';
  await page.route(isUpload, (route) => route.abort());
  const ports = { SERVER_PORT: new URL(server().url).port, WS_PORT: new URL(server().wsUrl).port };
  await server().kill();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await pickFiles(page, 'Add pictures', sample);
  await page.getByText('It is sent by itself when that is back.').first().waitFor();
  await page.unroute(isUpload);
  const restarted = await server().restart(ports);
  try {
    await page.locator('[data-workspace-id]').nth(2).waitFor();
    await saved(page);
    const ids = await cardIds(page);
    expect([ids[0], ids[1], ids.length]).toEqual([first, last, 3]);
    expect((await list()).map(({ _id: id }) => id)).toEqual(ids);
  } finally {
    await restarted.stop();
  }
});

it('keeps a picture that waits over a reload, and sends it once', async () => {
  const page = await visit();
  await addPictures(page, 1);
  page.on('dialog', (dialog) => void dialog.accept());
  const isUpload = '**/api/upload/image';
  await page.route(isUpload, (route) => route.abort());
  await pickFiles(page, 'Add pictures', sample);
  await page.getByText('Not uploaded: sample.jpg').waitFor();
  await page.waitForFunction(async () => {
    const names = (await indexedDB.databases()).map(({ name }) => name);
    return names.includes('timeline-pictures');
  });
  await page.reload();
  await page.getByText('Not uploaded: sample.jpg').waitFor();
  await page.unroute(isUpload);
  await page.reload();
  await page.locator('[data-workspace-id]').nth(1).waitFor();
  await saved(page);
  expect(await list()).toHaveLength(2);
  await page.reload();
  await face(page, 1).waitFor();
  await generateButton(page).waitFor();
  expect(await cards(page).count()).toBe(2);
});
