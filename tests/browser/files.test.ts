/// <reference lib="dom" />
import { mkdir, mkdtemp, rm, writeFile, copyFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { addPictures, button, cards, pickFiles, prompt, sample, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit } = useTimeline();
const heicHead = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');

/** Pastes into what has the focus, as a browser tells a page of a clipboard with these parts. */
async function paste(page: Page, words: string): Promise<boolean> {
  return page.evaluate((text) => {
    const data = new DataTransfer();
    if (text) data.setData('text/plain', text);
    data.items.add(new File([new Uint8Array([1])], 'image.png', { type: 'image/png' }));
    const event = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
    return (document.activeElement ?? document.body).dispatchEvent(event);
  }, words);
}

/** Drops files of this machine on the page, folders too, as a person does. */
async function dropPaths(page: Page, ...files: string[]): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 200, y: 200, data });
  }
}

it('lets the words win where text and a picture are pasted into a text field', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await prompt(page).focus();
  expect(await paste(page, 'cell A1')).toBe(true);
  expect(await cards(page).count()).toBe(1);

  expect(await paste(page, '')).toBe(false);
  await cards(page).nth(1).waitFor();
});

it('takes no pasted picture while a dialog is open', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await button(page, 'Play film').click();
  await page.getByRole('dialog').waitFor();
  expect(await paste(page, '')).toBe(true);
  expect(await cards(page).count()).toBe(1);
});

it.each([
  ['a HEIC that nobody can read', 'IMG_1.heic', 'image/heic', heicHead, 'Export it as JPEG'],
  ['a TIFF', 'scan.tif', 'image/tiff', Buffer.from('II*\0\x08\0\0\0'), 'opens no TIFF'],
  ['an empty file', 'empty.jpg', 'image/jpeg', Buffer.alloc(0), 'The file is empty'],
  ['a video', 'clip.mp4', 'video/mp4', Buffer.from('\0\0\0\x18ftypmp42', 'latin1'), 'This is a video'],
  ['a text file', 'notes.txt', 'text/plain', Buffer.from('notes'), 'This is not a picture'],
])('says the right words for %s', async (_, name, type, content, words) => {
  const page = await visit();
  const files = await page.evaluateHandle(
    ([bytes, fileName, mimeType]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], fileName, { type: mimeType }));
      return data;
    },
    [[...content], name, type] as const,
  );
  await page.getByRole('main').dispatchEvent('drop', { dataTransfer: files });
  await cards(page).filter({ hasText: words }).waitFor({ timeout: 10_000 });
});

describe('a folder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'folder-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('gives its pictures in the order people count, and nothing else', async () => {
    await mkdir(path.join(folder, 'z'));
    for (const name of ['10.jpg', '2.jpg', 'z/1.jpg']) await copyFile(sample, path.join(folder, name));
    await writeFile(path.join(folder, '.DS_Store'), 'x');
    await writeFile(path.join(folder, 'notes.txt'), 'x');
    const page = await visit();
    // A failed upload tells its name.
    await page.route('**/api/upload/image', (route) => route.abort());
    await dropPaths(page, folder);
    const failed = page.getByText(/^Not uploaded: /);
    await failed.nth(2).waitFor({ timeout: 15_000 });
    expect(await failed.allTextContents()).toEqual(['2.jpg', '10.jpg', '1.jpg'].map((name) => `Not uploaded: ${name}`));
    expect(await cards(page).count()).toBe(3);
  });

  it('is said to hold no pictures where it holds none', async () => {
    const page = await visit();
    await dropPaths(page, folder);
    await page.getByText(`The folder “${path.basename(folder)}” holds no pictures.`).waitFor({ timeout: 10_000 });
  });
});

it('says on the stage that a picture was not replaced, and why', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await pickFiles(page, 'Replace picture', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('notes') });
  const failure = page.getByRole('region', { name: 'Player' }).getByRole('alert');
  await failure.filter({ hasText: 'not replaced by notes.txt. This is not a picture.' }).waitFor({ timeout: 10_000 });
  await pickFiles(page, 'Replace picture', sample);
  await failure.waitFor({ state: 'detached' });
  await saved(page);
});
