/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import type { Film } from '../../src/contract/film';
import type { Workspace } from '../../src/contract/workspace';
import { makeMedia, tone } from '../fixtures/sounds';
import { connect } from '../helpers/socket';
import { axeViolations, cardIds } from './browser';
import {
  addPictures,
  button,
  cards,
  choose,
  pickFiles,
  prompt,
  sample,
  saved,
  status,
  useTimeline,
} from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();

const films = async (): Promise<Film[]> => (await server().get('/api/films')).body.films as Film[];
const titles = async (): Promise<string[]> => (await films()).map(({ title }) => title);
const shotsOf = async (filmId: string): Promise<Workspace[]> =>
  (await server().get(`/api/workspaces?film_id=${filmId}`)).body.workspaces as Workspace[];
const rows = (page: Page) => page.getByRole('list', { name: 'Films', exact: true }).getByRole('listitem');
const row = (page: Page, title: string) => rows(page).filter({ hasText: title });
const inRow = (page: Page, title: string, name: string) => row(page, title).getByRole('button', { name, exact: true });
const switcher = (page: Page) => page.getByRole('combobox', { name: 'Find a film by its title' });
const emptyTimeline = (page: Page) => page.getByRole('heading', { name: 'Make a film from your pictures' });

/** Makes films with these titles, as another client does; gives back their ids. */
async function makeFilms(...wanted: string[]): Promise<string[]> {
  const socket = await connect(server().wsUrl);
  const ids: string[] = [];
  for (const title of wanted) ids.push((await socket.ask({ type: 'film.create', title })).film._id as string);
  socket.close();
  return ids;
}

async function openFilms(page: Page): Promise<void> {
  await button(page, 'Films').click();
  await rows(page).first().waitFor();
}

async function rename(page: Page, from: string, to: string): Promise<void> {
  await inRow(page, from, 'Rename').click();
  await page.getByLabel('Title', { exact: true }).fill(to);
  await page.keyboard.press('Enter');
  await row(page, to).waitFor();
}

it('goes from the empty timeline to a second film with shots of its own, and Back and a reload keep to each', async () => {
  const page = await visit();
  await emptyTimeline(page).waitFor();
  await addPictures(page, 2);
  const first = await cardIds(page);
  await choose(page, 2);
  await page.getByLabel('Message to the assistant').fill('slow push in');
  await openFilms(page);
  expect(new URL(page.url()).pathname).toBe('/films');
  expect(await axeViolations(page)).toEqual([]);
  await rename(page, 'Untitled', 'The lighthouse');
  await saved(page);

  await button(page, 'New film').click();
  await page.waitForURL(/\/films\/[0-9a-f]{24}$/);
  await emptyTimeline(page).waitFor();
  await addPictures(page, 1);
  const second = await cardIds(page);
  await page.reload();
  await cards(page).first().waitFor();
  expect(await cardIds(page)).toEqual(second);
  expect(await button(page, 'Undo').isEnabled()).toBe(true);

  await page.goBack();
  await row(page, 'The lighthouse').waitFor();
  await page.goBack();
  await page.getByAltText('Picture of shot 2').waitFor();
  expect(await cardIds(page)).toEqual(first);
  expect(await page.getByLabel('Message to the assistant').inputValue()).toBe('slow push in');
  await page.goForward();
  await row(page, 'The lighthouse').filter({ hasText: '2 shots' }).waitFor();
  await row(page, 'The lighthouse').getByRole('link').click();
  await page.getByAltText('Picture of shot 2').waitFor();
  await button(page, 'Undo').click();
  await cards(page).first().waitFor({ state: 'detached' });
  await saved(page);
  const [lighthouse, other] = await films();
  expect(await shotsOf(lighthouse!._id)).toEqual([]);
  expect((await shotsOf(other!._id)).map(({ _id: id }) => id)).toEqual(second);
});

it('lists the films by their last change, copies one, and keeps the old title at Escape', async () => {
  await makeFilms('Rain', 'Snow');
  const page = await visit();
  await openFilms(page);
  const names = () => rows(page).getByRole('heading').allTextContents();
  expect(await names()).toEqual(['Snow', 'Rain', 'Untitled']);
  await inRow(page, 'Rain', 'Rename').click();
  await page.getByLabel('Title', { exact: true }).fill('Hail');
  await page.keyboard.press('Escape');
  await inRow(page, 'Rain', 'Duplicate film').click();
  await row(page, 'Rain copy').waitFor();
  await saved(page);
  expect(await names()).toEqual(['Rain copy', 'Snow', 'Rain', 'Untitled']);
  expect(await titles()).toEqual(['', 'Rain', 'Snow', 'Rain copy']);
});

it('brings a deleted film back by the toast and by the trash, and makes an empty film of the last one', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await openFilms(page);
  await rename(page, 'Untitled', 'Rain');
  await saved(page);
  await inRow(page, 'Rain', 'Delete film').click();
  await row(page, 'Rain').waitFor({ state: 'detached' });
  await row(page, 'Untitled').waitFor();
  await button(page, 'Bring back').click();
  await row(page, 'Rain').filter({ hasText: '1 shot' }).waitFor();
  await saved(page);

  await inRow(page, 'Rain', 'Delete film').click();
  await row(page, 'Rain').waitFor({ state: 'detached' });
  await saved(page);
  expect(await titles()).toEqual(['']);
  await page.reload();
  await row(page, 'Untitled').waitFor();
  await button(page, 'Trash').click();
  const deleted = page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'Rain' });
  await deleted.waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await deleted.getByRole('button', { name: 'Restore' }).click();
  await page.keyboard.press('Escape');
  await row(page, 'Rain').filter({ hasText: '1 shot' }).waitFor();
  await saved(page);
  expect(await titles()).toContain('Rain');
});

it('shows in one window what another does to films, and leaves a film that is deleted there without losing words', async () => {
  const [rain] = await makeFilms('Rain');
  const list = await visit();
  await openFilms(list);
  const film = await visit();
  let held: (() => void)[] | null = null;
  await film.routeWebSocket(/\/ws\?/, (socket) => {
    const end = socket.connectToServer();
    socket.onMessage((message) => (held ? held.push(() => end.send(message)) : end.send(message)));
  });
  await film.goto(`${server().url}/films/${rain}`);
  await addPictures(film, 1);
  await button(film, 'Film settings').click();
  await film.getByLabel('Title', { exact: true }).fill('Rain at night');
  await row(list, 'Rain at night').waitFor();
  await film.keyboard.press('Escape');

  held = [];
  await prompt(film).fill('drops on the glass');
  await inRow(list, 'Rain at night', 'Delete film').click();
  await film.waitForURL(/\/films$/);
  await film.getByText('“Rain at night” was deleted in another window').waitFor();
  await film.getByRole('complementary').filter({ hasText: 'drops on the glass' }).waitFor();
  await film.goto(`${server().url}/films/${rain}`);
  await film.waitForURL(/\/films$/);
  await film.getByText('There is no film at this address').waitFor();
});

it('sets a film, and plays, refuses and removes its music', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await button(page, 'Film settings').click();
  const field = (name: string) => page.getByLabel(name, { exact: true });
  await field('Title').fill('Rain');
  await page.getByRole('radiogroup', { name: 'Format' }).getByRole('radio', { name: '9:16' }).check();
  await field('Resolution').selectOption('720p');
  await field('Frame rate').selectOption({ label: '25 per second' });
  await field('Fit').selectOption('blur');
  await field('Transition').selectOption('crossfade');
  await field('Transition length (s)').fill('0.8');
  await field('Music').setInputFiles({ name: 'notes.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('la la la') });
  await page.getByText('“notes.mp3” was not taken. It is no MP3').waitFor();
  await field('Music').setInputFiles({
    name: 'tone.mp3',
    mimeType: 'audio/mpeg',
    buffer: await makeMedia(tone(2), '', 'mp3'),
  });
  await page.waitForFunction(() => document.querySelector('audio')?.duration ?? 0 > 1);
  await field('Music volume').fill('0.3');
  await field('Fade-out at the end (s)').fill('4');
  await field('Lower the music while a clip has sound of its own').uncheck();
  expect(await axeViolations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await saved(page);
  const [film] = await films();
  expect(film).toMatchObject({
    title: 'Rain',
    settings: {
      aspect_ratio: '9:16',
      resolution: '720p',
      fps: 25,
      fit: 'blur',
      transition: 'crossfade',
      transition_ms: 800,
      music_volume: 0.3,
      music_fade_out_s: 4,
      music_ducking: false,
    },
  });
  expect(film!.settings.music_path).toMatch(/^uploads\/audio\/.+\.mp3$/);

  await page.reload();
  await button(page, 'Film settings').click();
  expect(await field('Transition length (s)').inputValue()).toBe('0.8');
  await button(page, 'Remove music').click();
  await page.locator('audio').waitFor({ state: 'detached' });
  await saved(page);
  expect((await films())[0]!.settings.music_path).toBeNull();
});

it('gives a new film the ratio of its first picture, and its first shot the format that was chosen before', async () => {
  const [rain, snow] = await makeFilms('Rain', 'Snow');
  const portrait = { name: 'tall.jpg', mimeType: 'image/jpeg', buffer: await tall() };
  const page = await visit();
  for (const [id, format] of [
    [rain, null],
    [snow, '1:1'],
  ] as const) {
    await page.goto(`${server().url}/films/${id}`);
    await emptyTimeline(page).waitFor();
    if (format) {
      await button(page, 'Film settings').click();
      await page.getByRole('radio', { name: format }).check();
      await page.keyboard.press('Escape');
    }
    await pickFiles(page, 'Add pictures', portrait);
    await cards(page).first().waitFor();
    await saved(page);
  }
  const [, ofRain, ofSnow] = await films();
  expect([ofRain!.settings.aspect_ratio, ofSnow!.settings.aspect_ratio]).toEqual(['9:16', '1:1']);
  expect((await shotsOf(snow!))[0]!.form_data.aspect_ratio).toBe('1:1');
});

const tall = () => sharp(sample).resize(360, 640).jpeg().toBuffer();

it('goes to another film by the keyboard, and Back goes to the one before in one step', async () => {
  const [rain, snow] = await makeFilms('Rain', 'Snow');
  const page = await visit();
  await page.goto(`${server().url}/films/${rain}`);
  await emptyTimeline(page).waitFor();
  await page.keyboard.press('Control+k');
  await switcher(page).waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await page.keyboard.type('sno');
  await page.getByRole('option').filter({ hasText: 'Rain' }).waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/films/${snow}`);
  await page.getByRole('button', { name: /^Snow/ }).waitFor();
  await page.goBack();
  await page.waitForURL(`**/films/${rain}`);
  await page.getByRole('button', { name: /^Rain/ }).waitFor();

  await page.keyboard.press('Control+k');
  await switcher(page).waitFor();
  await page.keyboard.press('ArrowDown');
  const chosen = page.getByRole('option', { selected: true });
  const title = (await chosen.locator('span').first().textContent())!;
  const opened = (await films()).find((film) => (film.title || 'Untitled') === title)!;
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: new RegExp(`^${title}`) }).waitFor();
  if (title !== 'Rain') expect(page.url()).toContain(opened._id);
});

it('keeps edits of films that are made offline, over a reload too, and sends each once', async () => {
  await makeFilms('Rain', 'Snow');
  const page = await visit();
  let isCut = false;
  await page.routeWebSocket(/\/ws(\?|$)/, (socket) => void (isCut ? socket.close() : socket.connectToServer()));
  await openFilms(page);
  isCut = true;
  await page.reload();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await rename(page, 'Rain', 'Hail');
  await inRow(page, 'Snow', 'Duplicate film').click();
  await row(page, 'Snow copy').filter({ hasText: 'Not saved yet' }).waitFor();
  await button(page, 'New film').click();
  await status(page).filter({ hasText: '3 changes waiting' }).waitFor();
  await page.reload();
  await row(page, 'Hail').waitFor();
  await row(page, 'Snow copy').waitFor();
  expect(await titles()).toEqual(['', 'Rain', 'Snow']);
  isCut = false;
  await saved(page);
  expect((await titles()).toSorted()).toEqual(['', '', 'Hail', 'Snow', 'Snow copy']);
});

it('shows no waiting edit of one film in another, and sends it into its own', async () => {
  const [rain, snow] = await makeFilms('Rain', 'Snow');
  const page = await visit();
  let isCut = false;
  await page.routeWebSocket(new RegExp(`film_id=${rain}`), (socket) => {
    if (isCut) return void socket.close();
    socket.connectToServer();
    socket.onMessage(() => undefined);
  });
  await page.goto(`${server().url}/films/${rain}`);
  await emptyTimeline(page).waitFor();
  await pickFiles(page, 'Add pictures', sample);
  await page.locator('[data-workspace-id]').waitFor();
  await status(page).filter({ hasText: 'Saving' }).waitFor();
  expect(await shotsOf(rain!)).toEqual([]);

  isCut = true;
  const ofRain = await connect(`${server().wsUrl}?film_id=${rain}`);
  await page.goto(`${server().url}/films/${snow}`);
  await emptyTimeline(page).waitFor();
  await ofRain.next(({ type }) => type === 'workspace.created');
  ofRain.close();
  await saved(page);
  expect((await shotsOf(rain!)).length).toBe(1);
  expect(await cards(page).count()).toBe(0);
  expect(await shotsOf(snow!)).toEqual([]);
});

it('serves the page at the addresses of films only', async () => {
  const statusOf = async (path: string, method = 'GET') => (await fetch(`${server().url}${path}`, { method })).status;
  const paths = ['/films', '/films/', `/films/${'a'.repeat(24)}`, '/films/rain', '/film', `/films/${'a'.repeat(24)}/x`];
  expect(await Promise.all(paths.map((path) => statusOf(path)))).toEqual([200, 200, 200, 404, 404, 404]);
  expect(await statusOf('/films', 'POST')).toBe(405);
});
