/// <reference lib="dom" />
import type { Page } from 'playwright-core';
import { makeMedia, tone } from '../fixtures/sounds';
import { connect } from '../helpers/socket';
import { axeViolations } from './browser';
import { addPictures, button, cards, choose, face, generateButton, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();

const film = (page: Page) => page.getByRole('dialog', { name: 'Film' });
const slider = (page: Page) => film(page).getByRole('slider', { name: 'Film position' });
const timeOf = async (page: Page): Promise<number> => Number(await slider(page).inputValue());
/** Waits until the film is at a shot. */
const at = (page: Page, position: string) => film(page).getByText(position, { exact: true }).waitFor();

async function playFrom(page: Page, number: number): Promise<void> {
  await choose(page, number);
  await button(page, 'Play film').click();
  await film(page).waitFor();
}

it('plays from the chosen shot, and closing it chooses the shot where it stands and brings it into sight', async () => {
  const page = await visit();
  await addPictures(page, 9);
  await playFrom(page, 2);
  await at(page, 'Shot 2 of 9');
  expect(await timeOf(page)).toBeGreaterThanOrEqual(5);
  await film(page).getByRole('button', { name: 'Shot 9' }).click();
  await at(page, 'Shot 9 of 9');
  await page.keyboard.press('Escape');
  await film(page).waitFor({ state: 'detached' });
  expect(await face(page, 8).getAttribute('aria-current')).toBe('true');
  const [card, row] = [await cards(page).nth(8).boundingBox(), await page.locator('#timeline-scroller').boundingBox()];
  expect(card!.x + card!.width).toBeLessThanOrEqual(row!.x + row!.width);

  await playFrom(page, 9);
  await page.keyboard.press('ArrowLeft');
  await at(page, 'Shot 8 of 9');
  await button(page, 'Close').click();
  await film(page).waitFor({ state: 'detached' });
  expect(await face(page, 7).getAttribute('aria-current')).toBe('true');
});

it('is scrubbed by a slider over its whole time, and tells time and total', async () => {
  const page = await visit();
  await addPictures(page, 3);
  await playFrom(page, 1);
  await button(page, 'Pause').click();
  expect(await slider(page).getAttribute('max')).toBe('15');
  await slider(page).fill('12');
  await at(page, 'Shot 3 of 3');
  await film(page).getByText('0:12 / 0:15', { exact: true }).waitFor();
  await film(page).getByAltText('Picture of shot 3').waitFor();
  await slider(page).press('ArrowLeft');
  await film(page).getByText('0:11 / 0:15', { exact: true }).waitFor();
  await slider(page).press('Home');
  await at(page, 'Shot 1 of 3');
  expect(await timeOf(page)).toBe(0);
  await button(page, 'Play').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  expect(page.troubles).toEqual([]);
});

it('goes on from a time within a picture for the rest of its seconds', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await playFrom(page, 1);
  const soughtAt = Date.now();
  await slider(page).fill('4');
  await at(page, 'Shot 2 of 2');
  const ms = Date.now() - soughtAt;
  expect(ms).toBeGreaterThan(700);
  expect(ms).toBeLessThan(3000);
});

it('pauses and plays by a click on the picture, and obeys the keys after it', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await playFrom(page, 1);
  const picture = film(page).getByAltText('Picture of shot 1');
  await picture.click();
  await button(page, 'Play').waitFor();
  const stoodAt = await timeOf(page);
  await page.keyboard.press('Space');
  await button(page, 'Pause').waitFor();
  await page.waitForFunction(
    (before) => Number(document.querySelector<HTMLInputElement>('dialog input')!.value) > before,
    stoodAt,
  );
  await picture.click();
  await button(page, 'Play').waitFor();
});

it('fills the screen by the key F and by its button, and is still a dialog after it', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await playFrom(page, 1);
  const isFull = (wanted: boolean) =>
    page.waitForFunction((expected) => (document.fullscreenElement !== null) === expected, wanted);
  await page.keyboard.press('f');
  await isFull(true);
  await page.keyboard.press('ArrowRight');
  await at(page, 'Shot 2 of 2');
  await button(page, 'Full screen').click();
  await isFull(false);
  await film(page).waitFor();
});

/** Two shots of two seconds, each with a clip. */
async function visitWithClips() {
  const page = await visit();
  await addPictures(page, 2);
  for (const number of [1, 2]) {
    await choose(page, number);
    await page.getByLabel('Duration').selectOption('2');
    await generateButton(page).click();
    await page.getByLabel(`Clip of shot ${number}`).waitFor({ timeout: 60_000 });
  }
  await saved(page);
  return page;
}

/** Changes the film and its first shot from another window, and waits until both are stored. */
async function change(settings: Record<string, unknown>, cut: Record<string, unknown> = {}): Promise<void> {
  const socket = await connect(server().wsUrl);
  const { films } = (await server().get('/api/films')).body;
  const { workspaces } = (await server().get('/api/workspaces')).body;
  const { _id: filmId } = films[0];
  const ofFilm = { type: 'film.update', film_id: filmId, updates: { settings } };
  const ofShot = { type: 'workspace.update', workspace_id: workspaces[0]._id, updates: { cut } };
  for (const message of [ofFilm, ofShot]) {
    if (Object.keys(message === ofFilm ? settings : cut).length === 0) continue;
    expect((await socket.ask(message)).type).toMatch(/sync_confirm$/);
  }
  socket.close();
}

const total = (page: Page, clock: string) => film(page).getByText(clock, { exact: true }).waitFor();
/** Pauses the film, and waits until the frame at a time of it is shown. */
async function showFrame(page: Page, timeS: number): Promise<void> {
  const pause = film(page).getByRole('button', { name: 'Pause' });
  if (await pause.isVisible()) await pause.click();
  await slider(page).fill(String(timeS));
  await page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLVideoElement>('dialog video[data-media]')].every(
      (video) => !video.seeking && video.readyState >= 2,
    ),
  );
}
/** What the layers show, from back to front: where they are in their clips, how clear and how loud. */
const layersOf = (page: Page) =>
  page.evaluate(() => {
    const videos = [...document.querySelectorAll<HTMLVideoElement>('dialog video[data-media]')];
    const zOf = (video: HTMLVideoElement) => Number(video.parentElement!.style.zIndex);
    return videos
      .filter((video) => getComputedStyle(video.parentElement!).visibility === 'visible')
      .sort((a, b) => zOf(a) - zOf(b))
      .map((video) => ({
        atS: Math.round(video.currentTime * 100) / 100,
        opacity: Number(video.parentElement!.style.opacity),
        volume: video.volume,
      }));
  });

it('knows its length from the plan, before any clip is loaded', async () => {
  const page = await visitWithClips();
  await page.route('**/uploads/videos/*.mp4', (route) => route.abort());
  await page.reload();
  await cards(page).nth(1).waitFor();
  await playFrom(page, 1);
  expect(await slider(page).getAttribute('max')).toBe('4');
  // A clip that is broken does not hold it up either.
  await at(page, 'Shot 2 of 2');
});

it('plays the part of a clip between in and out, at its volume', async () => {
  const page = await visitWithClips();
  await change({}, { in_s: 1, out_s: 1.5, volume: 0.25 });
  await playFrom(page, 1);
  expect(await slider(page).getAttribute('max')).toBe('2.5');
  await showFrame(page, 0.25);
  expect(await layersOf(page)).toEqual([{ atS: 1.25, opacity: 1, volume: 0.25 }]);
  await button(page, 'Play').click();
  await at(page, 'Shot 2 of 2');
  expect(await timeOf(page)).toBeLessThan(1.5);
  await button(page, 'Play again').waitFor();
  await total(page, '0:02 / 0:02');
});

it('shows both clips of a crossfade, and follows a change of the film while it is open', async () => {
  const page = await visitWithClips();
  await playFrom(page, 1);
  await showFrame(page, 3);
  expect(await layersOf(page)).toEqual([{ atS: 1, opacity: 1, volume: 1 }]);
  await change({ transition: 'crossfade', transition_ms: 1000 });
  await total(page, '0:02 / 0:03');
  await showFrame(page, 1.75);
  expect(await layersOf(page)).toEqual([
    { atS: 1.75, opacity: 1, volume: 0.25 },
    { atS: 0.75, opacity: 0.75, volume: 0.75 },
  ]);
  await change({ transition: 'fade_black' });
  await total(page, '0:02 / 0:04');
  await showFrame(page, 1.75);
  expect(await layersOf(page)).toEqual([{ atS: 1.75, opacity: 0.5, volume: 1 }]);
});

it('plays through a crossfade to the end', async () => {
  const page = await visitWithClips();
  await change({ transition: 'crossfade', transition_ms: 1000 });
  await playFrom(page, 1);
  await page.waitForFunction(() => {
    const shown = [...document.querySelectorAll<HTMLElement>('[data-testid="film-frame"] > div')];
    return shown.every(({ style }) => style.visibility === 'visible' && Number(style.opacity) > 0.1);
  });
  await button(page, 'Play again').waitFor();
  await total(page, '0:03 / 0:03');
});

it('shows a caption as large as a burned one: a twentieth of the short side, also of an upright film', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel('Caption', { exact: true }).fill('Dawn breaks over the harbour');
  await saved(page);
  await change({ aspect_ratio: '9:16' });
  await playFrom(page, 1);
  await button(page, 'Pause').click();
  const letters = await film(page)
    .getByTestId('caption')
    .evaluate((line) => parseFloat(getComputedStyle(line).fontSize));
  const { width, height } = (await film(page).getByTestId('film-frame').boundingBox())!;
  expect(width).toBeLessThan(height);
  expect(letters / width).toBeCloseTo(0.05, 2);
});

it('has the ratio of the film, fits clips into it as chosen, and shows the caption', async () => {
  const page = await visitWithClips();
  await change({ aspect_ratio: '1:1', fit: 'crop' }, { caption: 'Dawn <b>breaks</b>' });
  await playFrom(page, 1);
  await film(page).getByText('Dawn <b>breaks</b>', { exact: true }).waitFor();
  const frame = film(page).getByTestId('film-frame');
  const { width, height } = (await frame.boundingBox())!;
  expect(Math.abs(width - height)).toBeLessThan(2);
  const fit = () =>
    film(page)
      .getByTestId('shown')
      .evaluate((clip) => getComputedStyle(clip).objectFit);
  expect(await fit()).toBe('cover');
  await change({ fit: 'blur' });
  // What fills the bars is the clip itself.
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('[data-testid="film-frame"] canvas');
    const pixels = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels?.some((value, index) => index % 4 !== 3 && value > 50) ?? false;
  });
  expect(await fit()).toBe('contain');
  await button(page, 'Next shot').click();
  await at(page, 'Shot 2 of 2');
  expect(await film(page).getByTestId('caption').count()).toBe(0);
  expect(page.troubles).toEqual([]);
});

it('plays its music, repeated and at its volume, and fades it out', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const body = new FormData();
  body.append('audio', new Blob([new Uint8Array(await makeMedia(tone(2), '', 'wav'))]), 'music.wav');
  const reply = await fetch(`${server().url}/api/upload/audio`, { method: 'POST', body });
  const { audio_path } = (await reply.json()) as { audio_path: string };
  await change({ music_path: audio_path, music_volume: 0.8, music_fade_out_s: 2 });
  await playFrom(page, 1);
  const music = () =>
    page.evaluate(() => {
      const { volume, currentTime, paused } = document.querySelector('dialog audio') as HTMLAudioElement;
      return { volume, currentTime, paused };
    });
  await page.waitForFunction(() => {
    const sound = document.querySelector<HTMLAudioElement>('dialog audio');
    return sound !== null && !sound.paused && sound.currentTime > 0.2;
  });
  expect((await music()).volume).toBe(0.8);
  await button(page, 'Pause').click();
  await slider(page).fill('4.5');
  const { currentTime, ...rest } = await music();
  expect(rest).toEqual({ volume: 0.2, paused: true });
  expect(Math.abs(currentTime - 0.5)).toBeLessThan(0.05);
});
