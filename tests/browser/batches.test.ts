/// <reference lib="dom" />
import type { Page, Request } from 'playwright-core';
import type { Batch } from '../../src/contract/batch';
import { connect, type TestSocket } from '../helpers/socket';
import { axeViolations, openWindow } from './browser';
import { doubles, list, page, server, useDoubles } from './doubles-page';
import { addPictures, button, cards, choose, face, generateButton, player, prompt, saved } from './timeline-page';

jest.setTimeout(90_000);

// One at a time, so that the others wait.
useDoubles({ VIDEO_MAX_CONCURRENT: '1' });

const sheet = (window: Page = page) => window.getByRole('dialog', { name: /^Generate/ });
const region = (name: 'Ready' | 'Missing' | 'Shots', window: Page = page) =>
  sheet(window).getByRole('region', { name, exact: true });
const rows = (name: 'Ready' | 'Missing' | 'Shots') => region(name).getByRole('listitem');
const card = (number: number, window: Page = page) => cards(window).nth(number - 1);
const start = (window: Page = page) => button(window, 'Start').click();
const batches = async (): Promise<Batch[]> => (await server.get('/api/batches')).body.batches as Batch[];

const isPreview = (request: Request) => (request.postDataJSON() as { dry_run?: true }).dry_run === true;

/** Shots with a picture and a prompt each; the linked ones continue the shot before. */
async function addShots(count: number, linked: number[] = []): Promise<void> {
  await addPictures(page, count);
  for (let number = 1; number <= count; number++) {
    await choose(page, number);
    await prompt(page).fill(`boat ${number} leaves`);
    if (linked.includes(number)) await page.getByLabel('Start from').selectOption('Previous shot');
  }
  await saved(page);
}

/** Waits until the server has told that the batch has ended. */
const untilEnded = (socket: TestSocket): Promise<unknown> =>
  socket.next(({ type, batch }) => type === 'batch.status_update' && (batch as Batch).completed_at !== null);

it('makes linked shots one after the other, also while no window is open', async () => {
  await addShots(2, [2]);
  const socket = await connect(server.wsUrl);
  await button(page, 'Generate all').click();
  await rows('Ready').nth(1).getByText('after shot 1 · gen4.5 · 5 s · about $0.60').waitFor();
  expect(await rows('Ready').first().innerText()).toContain('boat 1 leaves');
  await sheet().getByText('Together about $1.20.').waitFor();
  await sheet().getByText('Each shot is sent as it is stored').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await start();
  await rows('Shots').nth(1).getByText('Waiting for shot 1').waitFor();
  await button(page, 'Cancel all').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  const browser = page.context().browser()!;
  expect(page.troubles).toEqual([]);
  await page.close();

  await untilEnded(socket);
  socket.close();
  const again = await openWindow(browser, server.url);
  await card(1, again).filter({ hasText: 'Ready' }).waitFor();
  await card(2, again).filter({ hasText: 'Ready' }).waitFor();
  const [first, second] = await list();
  expect(second!.video.from_attempt_id).toBe(first!.video.attempt_id);
  expect(await doubles.runway.accepted()).toHaveLength(2);
  await again.context().close();
});

it('pays nothing for what follows a shot that failed, says so, and makes the failed ones again', async () => {
  await addShots(3, [2]);
  await doubles.runway.set({ ends: 'failed' });
  await button(page, 'Generate all').click();
  await rows('Ready').nth(2).waitFor();
  await start();
  await rows('Shots')
    .nth(1)
    .getByText('Failed · The shot before was not made, so this one was not started and costs nothing.')
    .waitFor();
  await rows('Shots').nth(2).getByText('Failed · The provider could not make this clip.').waitFor();
  await sheet().getByText('0 of 3 made, 3 failed').waitFor();
  expect(await doubles.runway.accepted()).toHaveLength(2);
  await page.keyboard.press('Escape');
  await choose(page, 2);
  await player(page).getByText('The shot before was not made, so this one was not started').waitFor();
  await card(2).filter({ hasText: 'Failed' }).waitFor();
  await page.getByRole('button', { name: /^Failed/ }).click();
  expect(await cards(page).count()).toBe(3);
  await page.getByRole('button', { name: /^All/ }).click();
  await player(page).getByRole('button', { name: 'Close' }).click();
  await card(2).filter({ hasText: 'Not generated' }).waitFor();

  await doubles.runway.set({ ends: 'completed' });
  await page.reload();
  await button(page, 'Generate all').click();
  await button(page, 'Again, the failed ones').click();
  await sheet().getByText('3 of 3 made').waitFor();
  await button(page, 'Again, the failed ones').waitFor({ state: 'detached' });
  expect(await doubles.runway.accepted()).toHaveLength(5);
  expect(await batches()).toHaveLength(2);
});

it('makes again the shots that a batch names as failed, not others of the film, and shows what one of them lacks', async () => {
  await addShots(3);
  await doubles.runway.set({ ends: 'failed' });
  await choose(page, 3);
  await generateButton(page).click();
  await card(3).filter({ hasText: 'Failed' }).waitFor();
  await choose(page, 1);
  await card(2)
    .getByRole('button')
    .first()
    .click({ modifiers: ['Shift'] });
  await page.getByRole('group', { name: '2 shots selected' }).getByRole('button', { name: 'Generate' }).click();
  await rows('Ready').nth(1).waitFor();
  await start();
  await sheet().getByText('0 of 2 made, 2 failed').waitFor();
  await page.keyboard.press('Escape');

  await choose(page, 2);
  await prompt(page).fill('');
  await saved(page);
  await button(page, 'Generate all').click();
  await button(page, 'Again, the failed ones').click();
  await sheet().getByText('The shots that failed in the last run.').waitFor();
  await rows('Missing').getByText('gen4.5 needs a prompt').waitFor();
  await sheet().getByText('Together about $0.60.').waitFor();
  expect(await batches()).toHaveLength(1);
  await doubles.runway.set({ ends: 'completed' });
  await start();
  await sheet().getByText('1 of 1 made').waitFor();
  expect((await list()).map(({ video }) => video.status)).toEqual(['completed', 'failed', 'failed']);
});

it('takes one shot out, cancels all that was not sent, and lets end what was', async () => {
  await addShots(4);
  await doubles.runway.set({ ends: 'never' });
  await button(page, 'Generate all').click();
  await rows('Ready').nth(3).waitFor();
  await start();
  await rows('Shots').first().getByText('Generating').waitFor();
  await page.keyboard.press('Escape');
  await choose(page, 3);
  await player(page).getByText('Waits for its turn').waitFor();
  await card(3).filter({ hasText: 'Waiting' }).waitFor();
  await button(page, 'Cancel').click();
  await card(3).filter({ hasText: 'Not generated' }).waitFor();

  await button(page, '0 of 4 made, 1 cancelled').click();
  await button(page, 'Cancel all').click();
  await sheet().getByText('What had been sent already is still being made.').waitFor();
  await rows('Shots').nth(3).getByText('Cancelled').waitFor();
  expect((await list()).map(({ video }) => video.status)).toEqual(['generating', 'idle', 'idle', 'idle']);
  await page.keyboard.press('Escape');
  await button(page, 'Stopping · 0 of 4 made, 3 cancelled').click();
  await button(page, 'Cancel shot 1').click();
  await rows('Shots').first().getByText('Cancelled').waitFor();
  await sheet().getByText('0 of 4 made, 4 cancelled').waitFor();
  await page.getByRole('button', { name: /of 4 made/ }).waitFor({ state: 'detached' });
  expect(await doubles.runway.accepted()).toHaveLength(1);
});

it('shows one batch in every window, also after a second press and a reload', async () => {
  await addShots(2);
  await doubles.runway.set({ ends: 'never' });
  const other = await openWindow(page.context().browser()!, server.url);
  for (const window of [page, other]) {
    await button(window, 'Generate all').click();
    await region('Ready', window).waitFor();
  }
  // The second window does not learn in time that there is nothing left to start.
  await other.route('**/api/generate/batch', (route) => (isPreview(route.request()) ? undefined : route.continue()));
  for (const window of [page, other]) {
    await start(window);
    await button(window, 'Cancel all').waitFor();
  }
  expect(await batches()).toHaveLength(1);
  await other.reload();
  await rows('Shots').first().getByText('Generating').waitFor();
  await button(other, '0 of 2 made').click();
  await button(other, 'Cancel all').click();
  await sheet().getByText('What had been sent already').waitFor();
  await other.context().close();
});

it('asks again for the batch whose answer was lost, and gets the same', async () => {
  await addShots(1);
  let presses = 0;
  await page.route('**/api/generate/batch', async (route) => {
    if (isPreview(route.request())) return route.continue();
    if (++presses > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  await button(page, 'Generate all').click();
  await region('Ready').waitFor();
  await start();
  await sheet().getByText('1 of 1 made').waitFor();
  expect(presses).toBe(2);
  expect(await batches()).toHaveLength(1);
  expect(await doubles.runway.accepted()).toHaveLength(1);
});

it('says what is missing, leads there, and makes the rest', async () => {
  await addShots(3);
  await choose(page, 2);
  await prompt(page).fill('');
  await choose(page, 3);
  await page.getByLabel('End on').selectOption('Next shot');
  await button(page, 'Generate all').click();
  await rows('Missing').first().getByText('gen4.5 needs a prompt').waitFor();
  await rows('Missing').nth(1).getByText('gen4.5 cannot end on a picture').waitFor();
  await button(page, 'Go to shot 2').click();
  await sheet().waitFor({ state: 'detached' });
  expect(await face(page, 1).getAttribute('aria-current')).toBe('true');
  await button(page, 'Generate all').click();
  await rows('Ready').first().waitFor();
  await start();
  await sheet().getByText('1 of 1 made').waitFor();
  expect((await list()).map(({ video }) => video.status)).toEqual(['completed', 'idle', 'idle']);

  await button(page, 'Choose other shots').click();
  await sheet().getByText('None of these shots is ready.').waitFor();
  expect(await button(page, 'Start').isDisabled()).toBe(true);
  await page.getByLabel('All', { exact: true }).check();
  await rows('Ready').getByText('Shot 1').waitFor();
});

it('asks before it goes beyond a limit, for all shots together', async () => {
  await addShots(2);
  await button(page, 'Costs').click();
  await page.getByLabel('Limit per film').fill('0.70');
  await saved(page);
  await button(page, 'Untitled').click();
  await button(page, 'Generate all').click();
  await sheet().getByText('Only $0.70 is left of the limit of this film. So 1 shot is left out.').waitFor();
  await rows('Missing').getByText('It would go beyond a spending limit.').waitFor();
  await sheet().getByText('Together about $0.60.').waitFor();
  await button(page, 'Include it anyway').click();
  await sheet().getByText('Together about $1.20.').waitFor();
  await sheet().getByText('This goes about $0.50 beyond the limit of this film.').waitFor();
  await button(page, 'Keep within the limits').click();
  await sheet().getByText('Together about $0.60.').waitFor();
  await button(page, 'Include it anyway').click();
  await sheet().getByText('This goes about $0.50 beyond the limit of this film.').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await start();
  await sheet().getByText('2 of 2 made').waitFor();
});

it('sends what was typed a moment before the press', async () => {
  await addShots(1);
  await prompt(page).fill('the last word');
  await page.getByRole('heading', { name: 'Shot' }).click();
  await button(page, 'Generate all').click();
  await rows('Ready').getByText('the last word').waitFor();
  await button(page, 'Start').press('Enter');
  await button(page, 'Cancel all').waitFor();
  // A second press of the key, which the button that is gone would have got.
  await page.keyboard.press('Enter');
  await sheet().getByText('1 of 1 made').waitFor();
  expect((await list())[0]!.video.form_data!.prompt).toBe('the last word');
});
