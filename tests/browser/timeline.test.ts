/// <reference lib="dom" />
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { buildIfStale } from '../../scripts/build';
import type { Workspace } from '../../src/contract/workspace';
import { startServer, type TestServer } from '../helpers/server';
import { axeViolations, cardIds, launchBrowser, openWindow, type WatchedPage } from './browser';
import { startCuttingProxy } from './cutting-proxy';
import { addPictures, button, cards, clip, generateButton, prompt, sample, saved, status } from './timeline-page';

jest.setTimeout(120_000);

const phonePhoto = path.resolve(__dirname, '../fixtures/p3-rotated.heic');
const generateWithinMs = 60_000;

let server: TestServer;
let browser: Browser;
const open: WatchedPage[] = [];

beforeAll(async () => {
  buildIfStale(['timeline']);
  browser = await launchBrowser();
});
beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  for (const page of open.splice(0)) await page.context().close();
  await server.stop();
});
afterAll(() => browser.close());

async function visit(options?: Parameters<typeof openWindow>[2], url = server.url): Promise<WatchedPage> {
  const page = await openWindow(browser, url, options);
  open.push(page);
  return page;
}

const list = async (): Promise<Workspace[]> => (await server.get('/api/workspaces')).body.workspaces as Workspace[];
async function generate(page: Page): Promise<void> {
  await generateButton(page).click();
  await button(page, 'Cancel').waitFor();
  await generateButton(page).waitFor({ timeout: generateWithinMs });
  await clip(page).waitFor();
}

async function restart(): Promise<void> {
  server = await server.restart({ SERVER_PORT: new URL(server.url).port, WS_PORT: new URL(server.wsUrl).port });
}

/** Waits until the page says yes. */
const until = (page: Page, look: () => boolean | Promise<boolean>) => page.waitForFunction(look);

test('the timeline makes a clip of the sample picture, plays it, and has all of it after a reload', async () => {
  const page = await visit();
  await button(page, 'Try it with a sample picture').click();
  await cards(page).first().waitFor();
  await page.getByLabel('Camera movement').click();
  await page.getByRole('option', { name: 'Push in' }).click();
  await page.getByLabel('Duration').selectOption('2');
  await generate(page);
  await until(page, isPlaying);

  await page.reload();
  await cards(page).first().waitFor();
  expect(await page.getByLabel('Camera movement').inputValue()).toMatch(/^Push in/);
  await clip(page).evaluate((video: HTMLVideoElement) => video.play());
  await until(page, isPlaying);
  expect(page.troubles).toEqual([]);
});

test('the timeline asks for one clip though every answer to the click is lost, and says nothing else once it is there', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel('Duration').selectOption('2');
  await saved(page);
  const bodies: Record<string, unknown>[] = [];
  const allSent = new Promise<void>((resolve) => {
    void page.route('**/api/generate/video', async (route) => {
      bodies.push(route.request().postDataJSON() as Record<string, unknown>);
      await route.fetch();
      await route.abort();
      if (bodies.length === 4) resolve();
    });
  });
  await generateButton(page).click();
  await clip(page).waitFor({ timeout: generateWithinMs });
  await allSent;
  await generateButton(page).waitFor();
  expect(new Set(bodies.map(({ request_id }) => request_id)).size).toBe(1);
  const [{ form_data, image_path, takes }] = (await list()) as [Workspace];
  expect(bodies[0]).toMatchObject({ expects: { form_data, image_path } });
  expect(takes).toEqual([]);
  expect(await page.getByRole('alert').count()).toBe(0);

  await page.unroute('**/api/generate/video');
  await generate(page);
  expect((await list())[0]!.takes).toHaveLength(1);
});

test('the timeline says that a click without an answer may have been charged, and asks for the same one again', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const ids: unknown[] = [];
  await page.route('**/api/generate/video', (route) => {
    ids.push((route.request().postDataJSON() as Record<string, unknown>).request_id);
    return ids.length <= 4 ? route.abort() : route.continue();
  });
  await generateButton(page).click();
  await page.getByRole('alert').filter({ hasText: 'It may have been charged.' }).waitFor();
  await button(page, 'Try again').click();
  await clip(page).waitFor({ timeout: generateWithinMs });
  expect(ids).toHaveLength(5);
  expect(new Set(ids).size).toBe(1);
});

test('the timeline reorders by dragging and by keyboard, and undoes both', async () => {
  const page = await visit();
  await addPictures(page, 4);
  const [a, b, c, d] = await cardIds(page);
  const [from, to] = [(await cards(page).nth(0).boundingBox())!, (await cards(page).nth(2).boundingBox())!];
  await page.mouse.move(from.x + 40, from.y + 40);
  await page.mouse.down();
  await page.mouse.move(from.x + 80, from.y + 40, { steps: 4 });
  await page.mouse.move(to.x + 40, to.y + 40, { steps: 8 });
  await page.mouse.up();
  expect(await cardIds(page)).toEqual([b, c, a, d]);

  await cards(page).nth(2).getByRole('button').first().focus();
  for (const key of ['Space', 'ArrowLeft', 'ArrowLeft', 'Space']) await page.keyboard.press(key);
  expect(await cardIds(page)).toEqual([a, b, c, d]);
  await page.keyboard.press('Alt+ArrowRight');
  expect(await cardIds(page)).toEqual([b, a, c, d]);
  await saved(page);
  expect((await list()).map(({ _id: id }) => id)).toEqual([b, a, c, d]);

  await button(page, 'Undo').click();
  await button(page, 'Undo').click();
  expect(await cardIds(page)).toEqual([b, c, a, d]);
  await page.keyboard.press('Control+Shift+Z');
  expect(await cardIds(page)).toEqual([a, b, c, d]);
  expect(page.troubles).toEqual([]);
});

test('the timeline puts dropped pictures at the place of the drop', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const [a, b] = await cardIds(page);
  const box = (await cards(page).nth(1).boundingBox())!;
  const bytes = [...(await readFile(sample))];
  const files = await page.evaluateHandle((content) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(content)], 'one.jpg', { type: 'image/jpeg' }));
    data.items.add(new File([new Uint8Array(content)], 'two.jpg', { type: 'image/jpeg' }));
    return data;
  }, bytes);
  await page
    .getByRole('list', { name: 'Timeline' })
    .dispatchEvent('drop', { dataTransfer: files, clientX: box.x, clientY: box.y + 40 });
  await page.locator('[data-workspace-id]').nth(3).waitFor();
  await saved(page);
  const ids = await cardIds(page);
  expect([ids[0], ids[3]]).toEqual([a, b]);
  expect((await list()).map(({ _id: id }) => id)).toEqual(ids);
});

test('the timeline deletes with undo, and says so when an undo would overwrite another window', async () => {
  const page = await visit();
  await addPictures(page, 2);
  const ids = await cardIds(page);
  await cards(page).first().getByRole('button').first().click();
  await button(page, 'Delete').click();
  expect(await cardIds(page)).toEqual([ids[1]]);
  await page.keyboard.press('Control+z');
  await until(page, () => document.querySelectorAll('[data-workspace-id]').length === 2);
  expect(await cardIds(page)).toEqual(ids);

  await cards(page).first().getByRole('button').first().click();
  await prompt(page).fill('mine');
  await saved(page);
  const other = await visit();
  await prompt(other).fill('theirs');
  await until(page, () => document.querySelector<HTMLTextAreaElement>('#field-prompt')?.value === 'theirs');
  await button(page, 'Undo').click();
  await page.getByText('Not undone').waitFor();
  expect(await prompt(page).inputValue()).toBe('theirs');
});

test('the timeline shows an edit in the other window within a second, and leaves the cursor there where it is', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await prompt(page).fill('rain on the roof');
  await saved(page);
  const other = await visit();
  await prompt(other).focus();
  await prompt(other).evaluate((area: HTMLTextAreaElement) => area.setSelectionRange(8, 8));

  await prompt(page).fill('soft rain on the roof');
  const startedAt = Date.now();
  await until(
    other,
    () => document.querySelector<HTMLTextAreaElement>('#field-prompt')?.value === 'soft rain on the roof',
  );
  expect(Date.now() - startedAt).toBeLessThan(1000);
  const cursor = await prompt(other).evaluate((area: HTMLTextAreaElement) => area.selectionStart);
  expect(cursor).toBe('soft '.length + 8);
  expect(page.troubles).toEqual([]);
});

test('the timeline goes on while the server is killed, says how many changes wait, and loses nothing', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await prompt(page).pressSequentially('before ', { delay: 20 });
  await server.kill();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await prompt(page).pressSequentially('and after', { delay: 20 });
  await page.getByLabel('Seed').fill('42');
  await status(page).filter({ hasText: 'Offline, 2 changes waiting' }).waitFor();

  await restart();
  await saved(page);
  expect((await list())[0]?.form_data).toMatchObject({ prompt: 'before and after', seed: 42 });
});

test('the timeline keeps what waits over a reload', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await server.kill();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await prompt(page).fill('typed while the server was away');
  await status(page).filter({ hasText: 'Offline, 1 change waiting' }).waitFor();
  await page.reload().catch(() => undefined);

  await restart();
  await page.goto(server.url);
  await cards(page).first().waitFor();
  await until(
    page,
    () => document.querySelector<HTMLTextAreaElement>('#field-prompt')?.value === 'typed while the server was away',
  );
  await saved(page);
  expect((await list())[0]?.form_data.prompt).toBe('typed while the server was away');
});

test('the timeline stores what the screen shows after 200 edits over a line that is cut every second', async () => {
  const proxy = await startCuttingProxy(server.url);
  const page = await visit({}, proxy.url);
  await addPictures(page, 1);
  const cutting = setInterval(proxy.cut, 1000);
  await prompt(page).pressSequentially('x'.repeat(200), { delay: 40 });
  clearInterval(cutting);
  await saved(page);
  const shown = await prompt(page).inputValue();
  expect(shown).toBe('x'.repeat(200));
  expect((await list())[0]?.form_data.prompt).toBe(shown);
  proxy.close();
});

test('the timeline keeps every take, compares, brings one back, and undoes it', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel('Duration').selectOption('2');
  await generate(page);
  await prompt(page).fill('another idea');
  await page.getByText('changed since this clip was made').waitFor();
  await generateButton(page).click();
  await button(page, 'Use this take').waitFor({ timeout: generateWithinMs });
  await generateButton(page).waitFor({ timeout: generateWithinMs });
  const [before] = await list();

  await page.getByRole('button', { name: 'Compare…' }).click();
  await until(page, () =>
    [...document.querySelectorAll<HTMLVideoElement>('dialog video')].every((video) => video.currentTime > 0),
  );
  await button(page, 'Close').click();
  await button(page, 'Use this take').click();
  await saved(page);
  expect((await list())[0]?.video.attempt_id).toBe(before?.takes[0]?.attempt_id);
  await button(page, 'Undo').click();
  await saved(page);
  expect((await list())[0]?.video.attempt_id).toBe(before?.video.attempt_id);

  await page.getByRole('button', { name: 'Bring its form back' }).click();
  expect(await prompt(page).inputValue()).toBe('');
  await page.keyboard.press('Control+z');
  expect(await prompt(page).inputValue()).toBe('another idea');
  expect(page.troubles).toEqual([]);
});

test('the timeline asks the assistant, applies its advice and takes it back', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel('Message to the assistant').fill('slow push in at sunset');
  await button(page, 'Ask').click();
  await button(page, 'Apply').click();
  expect(await page.getByLabel('Camera movement').inputValue()).toMatch(/^Push in/);
  await saved(page);
  expect((await list())[0]?.form_data.camera_movement).toBe('push_in');
  await button(page, 'Undo').click();
  expect(await page.getByLabel('Camera movement').inputValue()).toBe('');
});

test('the timeline plays the film from clip to picture, and obeys the keys', async () => {
  const page = await visit();
  await addPictures(page, 2);
  // The picture that landed first is chosen, which may be either.
  await cards(page).first().getByRole('button').first().click();
  await generate(page);
  await button(page, 'Play film').click();
  await page.getByText('Shot 1 of 2').waitFor();
  await until(
    page,
    () => (document.querySelector<HTMLVideoElement>('video[data-testid=shown]')?.currentTime ?? 0) > 0.2,
  );
  await page.keyboard.press('Space');
  expect(await page.locator('video[data-testid=shown]').evaluate((video: HTMLVideoElement) => video.paused)).toBe(true);
  // Waited for from before it comes, as it stays for a few seconds only.
  const picture = page.locator('img[data-testid=shown]').waitFor();
  await page.keyboard.press('Space');
  await picture;
  await page.getByText('Shot 2 of 2').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.getByText('Shot 1 of 2').waitFor();
  await page.keyboard.press('Escape');
  expect(await page.locator('dialog').count()).toBe(0);
});

test('the timeline tells why a picture was not taken, and tries again', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'Add pictures').click();
  await (await chooser).setFiles({ name: 'notes.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no picture') });
  await page.getByText('Not uploaded: notes.jpg').waitFor();
  await button(page, 'Try again').click();
  await page.getByText('Not uploaded: notes.jpg').waitFor();
  await button(page, 'Remove').click();
  expect(await cards(page).count()).toBe(1);
});

test('the timeline takes the HEIC of a phone, which it cannot show itself', async () => {
  const page = await visit();
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'Add pictures').click();
  const uploaded = page.waitForResponse((response) => response.url().endsWith('/api/upload/image'));
  await (await chooser).setFiles(phonePhoto);
  expect(await (await uploaded).json()).toMatchObject({ width: 192, height: 320, mime: 'image/jpeg' });
  await until(page, () => document.querySelector<HTMLImageElement>('[data-workspace-id] img')?.naturalWidth === 192);
});

test('the timeline shrinks a picture that is too large before it is sent', async () => {
  const page = await visit();
  const big = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(5000, 2500);
    canvas.getContext('2d')!.fillRect(0, 0, 5000, 2500);
    return [...new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer())];
  });
  const chooser = page.waitForEvent('filechooser');
  await button(page, 'Add pictures').click();
  const uploaded = page.waitForResponse((response) => response.url().endsWith('/api/upload/image'));
  await (await chooser).setFiles({ name: 'big.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(big) });
  expect(await (await uploaded).json()).toMatchObject({ width: 4096, height: 2048 });
});

test('the timeline takes as many characters as the form stores, whatever they are, and keeps what stands behind the caret', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await prompt(page).fill('😀'.repeat(999) + 'zz');
  await page.getByText('2000 / 2000').waitFor();
  await prompt(page).press('Home');
  await prompt(page).pressSequentially('no');
  await saved(page);
  expect(await prompt(page).inputValue()).toBe('😀'.repeat(999) + 'zz');
  expect((await list())[0]!.form_data.prompt).toBe('😀'.repeat(999) + 'zz');
});

test('the timeline speaks Chinese and English, and remembers which', async () => {
  const page = await visit({ locale: 'zh-CN' });
  await page.getByRole('button', { name: '用示例图片试一试' }).waitFor();
  await page.getByRole('button', { name: 'Switch to English' }).click();
  await button(page, 'Try it with a sample picture').waitFor();
  await page.reload();
  await button(page, 'Try it with a sample picture').waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
});

test.each(['dark', 'light'] as const)(
  'the timeline has no barrier that axe finds on any view, %s',
  async (colorScheme) => {
    const page = await visit({ colorScheme });
    const check = async (view: string) => expect([view, await axeViolations(page)]).toEqual([view, []]);
    await button(page, 'Try it with a sample picture').waitFor();
    await check('first visit');
    await addPictures(page, 2);
    await page.getByLabel('Duration').selectOption('2');
    await check('shot');
    await page.getByLabel('Camera movement').click();
    await check('chooser');
    await page.keyboard.press('Escape');
    await page.getByLabel('Message to the assistant').fill('push in at sunset');
    await button(page, 'Ask').click();
    await button(page, 'Apply').waitFor();
    await check('suggestion');
    await generateButton(page).click();
    await button(page, 'Cancel').waitFor();
    await check('generating');
    await button(page, 'Cancel').click();
    await generateButton(page).waitFor();
    await check('cancelled');
    await generate(page);
    await button(page, 'Apply').click();
    await generateButton(page).click();
    await button(page, 'Use this take').waitFor({ timeout: generateWithinMs });
    await generateButton(page).waitFor({ timeout: generateWithinMs });
    await check('takes');
    for (const [view, name] of [
      // Before the film: closing that chooses the shot where it stands, which has no takes when the machine is slow.
      ['compare', 'Compare…'],
      ['film', 'Play film'],
      ['generate all', 'Generate all'],
      ['keys', 'Keyboard shortcuts'],
    ] as const) {
      await button(page, name).click();
      await page.locator('dialog[open]').waitFor();
      await check(view);
      await page.keyboard.press('Escape');
    }
    await button(page, 'Delete').click();
    await page.getByText(/Shot [12] deleted/).waitFor();
    await check('deleted');
    await page.setViewportSize({ width: 360, height: 740 });
    await check('narrow');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    expect(page.troubles).toEqual([]);
    await server.kill();
    await status(page).filter({ hasText: 'Offline' }).waitFor();
    await check('offline');
  },
);

function isPlaying(): boolean {
  const video = document.querySelector<HTMLVideoElement>('video[aria-label^="Clip of shot"]');
  return video !== null && video.currentTime > 0.2 && video.videoWidth > 0;
}
