/// <reference lib="dom" />
import type { Page, Route } from 'playwright-core';
import type { Workspace } from '../../src/contract/workspace';
import { addPictures, button, cards, face, pickFiles, sample, saved, useTimeline } from './timeline-page';
import { cardIds } from './browser';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();
const copies = (count: number) => Array.from({ length: count }, () => sample);
const list = async (): Promise<Workspace[]> => (await server().get('/api/workspaces')).body.workspaces as Workspace[];

/** Holds the first upload until the others have landed, so that they land out of order. */
async function landFirstLast(page: Page, others: number): Promise<void> {
  let held: Route | undefined;
  await page.route('**/api/upload/image', (route) => {
    if (held) return route.continue();
    held = route;
    return undefined;
  });
  const before = (await cardIds(page)).length;
  await pickFiles(page, 'Add pictures', copies(others + 1));
  await page
    .locator('[data-workspace-id]')
    .nth(before + others - 1)
    .waitFor();
  await held!.continue();
  await page
    .locator('[data-workspace-id]')
    .nth(before + others)
    .waitFor();
  await saved(page);
}

it('chooses the first of the added pictures, whichever lands first, and takes all of them back with one undo', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await landFirstLast(page, 2);
  expect(await face(page, 1).getAttribute('aria-current')).toBe('true');

  await button(page, 'Undo').click();
  expect(await cards(page).count()).toBe(1);
  await button(page, 'Redo').click();
  await page.locator('[data-workspace-id]').nth(3).waitFor();
  expect(await cards(page).count()).toBe(4);
});

it('brings added pictures into sight, also one that fails', async () => {
  const page = await visit();
  await addPictures(page, 8);
  await face(page, 0).click();
  await pickFiles(page, 'Add pictures', {
    name: 'notes.jpg',
    mimeType: 'image/jpeg',
    buffer: Buffer.from('no picture'),
  });
  const failed = page.getByText('Not uploaded: notes.jpg');
  await failed.waitFor({ timeout: 10_000 });
  const [card, timeline] = [await failed.boundingBox(), await page.locator('#timeline-scroller').boundingBox()];
  expect(card!.x + card!.width).toBeLessThan(timeline!.x + timeline!.width);
});

it('puts a picture between two shots with one message', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const [a, b] = await cardIds(page);
  const made: { type: string; before_id?: string; workspace_id: string }[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      const message = JSON.parse(String(payload)) as { type: string; before_id?: string; workspace_id: string };
      made.push(message);
    }),
  );
  await page.reload();
  await cards(page).nth(1).waitFor();
  const box = (await cards(page).nth(1).boundingBox())!;
  const files = await page.evaluateHandle(
    async (address) => {
      const data = new DataTransfer();
      data.items.add(new File([await (await fetch(address)).blob()], 'one.jpg', { type: 'image/jpeg' }));
      return data;
    },
    (await list())[0]!.image_url!,
  );
  await page
    .getByRole('list', { name: 'Timeline' })
    .dispatchEvent('drop', { dataTransfer: files, clientX: box.x, clientY: box.y + 40 });
  await page.locator('[data-workspace-id]').nth(2).waitFor();
  await saved(page);
  expect(made.map(({ type, before_id }) => [type, before_id])).toEqual([['workspace.create', b]]);
  expect((await list()).map(({ _id: id }) => id)).toEqual([a, made[0]!.workspace_id, b]);
});

it('counts shots alike on the card and in the player while a failed upload stands between them', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const box = (await cards(page).nth(1).boundingBox())!;
  const files = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(['no picture'], 'notes.jpg', { type: 'image/jpeg' }));
    return data;
  });
  await page
    .getByRole('list', { name: 'Timeline' })
    .dispatchEvent('drop', { dataTransfer: files, clientX: box.x, clientY: box.y + 40 });
  await page.getByText('Not uploaded: notes.jpg').waitFor();
  await face(page, 2).click();
  await page.getByAltText('Picture of shot 2').waitFor();
  expect(await face(page, 2).textContent()).toContain('Shot 2');
});
