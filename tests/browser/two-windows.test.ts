/// <reference lib="dom" />
import type { Page, WebSocketRoute } from 'playwright-core';
import type { Workspace } from '../../src/contract/workspace';
import { cardIds } from './browser';
import { addPictures, button, cards, choose, prompt, saved, status, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();
const list = async (): Promise<Workspace[]> => (await server().get('/api/workspaces')).body.workspaces as Workspace[];
const note = (page: Page) =>
  page.getByRole('region', { name: 'Shot', exact: true }).locator('p').filter({ hasText: 'Also edited elsewhere' });
const shows = (page: Page, words: string) =>
  page.waitForFunction(
    (wanted) => document.querySelector<HTMLTextAreaElement>('#field-prompt')?.value === wanted,
    words,
  );

/** A line whose messages to the server can be held back, or that can be cut. */
async function controlLine(page: Page) {
  let held: (() => void)[] | null = null;
  let isCut = false;
  let open: WebSocketRoute | undefined;
  await page.routeWebSocket(/\/ws$/, (socket) => {
    if (isCut) return void socket.close();
    open = socket;
    const end = socket.connectToServer();
    socket.onMessage((message) => (held ? held.push(() => end.send(message)) : end.send(message)));
  });
  await page.reload();
  await cards(page).first().waitFor();
  return {
    hold: () => void (held = []),
    release: () => {
      const all = held ?? [];
      held = null;
      all.forEach((send) => send());
    },
    cut: async () => {
      isCut = true;
      await open?.close();
      await status(page).filter({ hasText: 'Offline' }).waitFor();
    },
    mend: () => void (isCut = false),
  };
}

it('says that a text was also edited elsewhere, and brings the other one back as one step of undo', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const line = await controlLine(page);
  const other = await visit();
  await cards(other).first().waitFor();
  line.hold();
  await prompt(page).fill('mine');
  await prompt(other).fill('theirs');
  await saved(other);
  line.release();
  await note(page).waitFor();
  await shows(other, 'mine');
  await saved(page);
  expect((await list())[0]!.form_data.prompt).toBe('mine');

  await button(page, 'Bring the other text back').click();
  expect(await prompt(page).inputValue()).toBe('theirs');
  expect(await note(page).count()).toBe(0);
  await shows(other, 'theirs');
  await button(page, 'Undo').click();
  expect(await prompt(page).inputValue()).toBe('mine');
  await shows(other, 'mine');
  expect(await note(other).count()).toBe(0);
});

it('says that a caption was also edited elsewhere, and brings the other one back', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const line = await controlLine(page);
  const other = await visit();
  const caption = (window: Page) => window.getByLabel('Caption', { exact: true });
  await cards(other).first().waitFor();
  line.hold();
  await caption(page).fill('mine');
  await caption(other).fill('theirs');
  await saved(other);
  line.release();
  await note(page).filter({ hasText: 'theirs' }).waitFor();
  await saved(page);
  expect((await list())[0]!.cut.caption).toBe('mine');
  await button(page, 'Bring the other text back').click();
  expect(await caption(page).inputValue()).toBe('theirs');
  await saved(page);
  expect((await list())[0]!.cut.caption).toBe('theirs');
});

it('says so for words typed offline too, until the person edits on or puts it away', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const line = await controlLine(page);
  const other = await visit();
  await cards(other).first().waitFor();
  const meet = async (mine: string, theirs: string) => {
    await line.cut();
    await prompt(page).fill(mine);
    await prompt(other).fill(theirs);
    await saved(other);
    line.mend();
    await note(page).filter({ hasText: theirs }).waitFor();
    await saved(page);
    expect((await list())[0]!.form_data.prompt).toBe(mine);
  };
  await meet('mine', 'theirs');
  await button(page, 'Dismiss').click();
  await note(page).waitFor({ state: 'detached' });

  await meet('mine again', 'theirs again');
  await page.clock.setFixedTime(Date.now() + 10_000);
  await prompt(page).pressSequentially('!');
  await note(page).waitFor({ state: 'detached' });
});

it('says nothing of edits in another window that were seen', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const other = await visit();
  await cards(other).first().waitFor();
  await prompt(other).fill('theirs');
  await shows(page, 'theirs');
  await prompt(page).press('Control+End');
  await prompt(page).pressSequentially(' and mine', { delay: 50 });
  await saved(page);
  await shows(other, 'theirs and mine');
  for (const window of [page, other]) expect(await note(window).count()).toBe(0);
});

it.each([1, 3])(
  'says that the shot under the hands was deleted in another window, keeps the letters from the keys, and brings it back, of %s',
  async (count) => {
    const page = await visit();
    await addPictures(page, count);
    const other = await visit();
    await cards(other)
      .nth(count - 1)
      .waitFor();
    const ids = await cardIds(page);
    for (const window of [page, other]) await choose(window, count);
    let pickers = 0;
    page.on('filechooser', () => pickers++);
    await prompt(page).fill('rain');
    await saved(page);
    await prompt(page).focus();
    await button(other, 'Delete').click();
    const toast = page.getByText(`Shot ${count} was deleted in another window`);
    await toast.waitFor();
    await page.keyboard.type('a map? ');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(pickers).toBe(0);
    await button(page, 'Bring back').click();
    await page
      .locator('[data-workspace-id]')
      .nth(count - 1)
      .waitFor();
    await saved(page);
    expect(await cardIds(page)).toEqual(ids);
    expect(await prompt(page).inputValue()).toBe('rain');
  },
);
