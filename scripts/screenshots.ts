/// <reference lib="dom" />
// `npm run screenshots`: the main states of the timeline, in both languages and themes, into docs/screenshots/.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import type { TextKey } from '../src/web/i18n/en';
import { texts } from '../src/web/i18n/texts';
import { launchBrowser, openWindow } from '../tests/browser/browser';
import { startTestMongod } from '../tests/helpers/mongod';
import { startServer, type TestServer } from '../tests/helpers/server';
import { connect } from '../tests/helpers/socket';
import { buildIfStale } from './build';

const root = path.resolve(__dirname, '..');
const folder = path.join(root, 'docs', 'screenshots');
const sample = path.join(root, 'docs', 'sample.jpg');
const generateWithinMs = 120_000;
const exportWithinMs = 120_000;

const shots = [
  {
    crop: { left: 0, top: 0, width: 1600, height: 900 },
    form: { camera_movement: 'push_in', lighting: 'sunset' },
    prompt: {
      en: 'The beam turns across the bay while small waves roll in.',
      zh: '光束扫过海湾，细浪缓缓涌来。',
    },
  },
  {
    crop: { left: 1000, top: 110, width: 600, height: 338 },
    form: { camera_movement: 'tilt_up', shot_size: 'medium' },
    prompt: { en: 'From the keeper\u2019s house up to the lamp.', zh: '从守塔人的小屋一直看到灯室。' },
  },
  {
    crop: { left: 60, top: 470, width: 720, height: 405 },
    form: { camera_movement: 'truck_right', shot_size: 'wide' },
    prompt: { en: 'Low over the water, along the path of the sun.', zh: '贴着水面，沿着落日的光路前行。' },
  },
  {
    crop: { left: 520, top: 200, width: 520, height: 292 },
    form: { camera_movement: 'pan_left', duration_s: 4 },
    prompt: { en: 'The gulls drift home above the clouds.', zh: '海鸥在云上缓缓归巢。' },
  },
  {
    crop: { left: 300, top: 330, width: 560, height: 315 },
    form: { camera_movement: 'handheld', duration_s: 3 },
    prompt: { en: 'The last light, seen from a small boat.', zh: '小船上看到的最后一缕光。' },
  },
  {
    crop: { left: 1080, top: 40, width: 480, height: 270 },
    form: { camera_movement: 'orbit_left', shot_size: 'close_up' },
    prompt: { en: 'Around the lamp as it lights up.', zh: '灯亮起，镜头绕着它转。' },
  },
];

const question = { en: 'slow push in, close-up, golden hour', zh: '缓慢推近，特写，黄金时刻' };

const looks = [
  { locale: 'en-US', theme: 'dark' },
  { locale: 'en-US', theme: 'light' },
  { locale: 'zh-CN', theme: 'dark' },
  { locale: 'zh-CN', theme: 'light' },
] as const;

type Look = (typeof looks)[number];
type Language = 'en' | 'zh';

const languageOf = ({ locale }: Look): Language => (locale === 'zh-CN' ? 'zh' : 'en');

void main();

async function main(): Promise<void> {
  buildIfStale();
  await mkdir(folder, { recursive: true });
  const mongod = await startTestMongod();
  process.env.TEST_MONGODB_URI = mongod.uri;
  const browser = await launchBrowser();
  try {
    for (const language of ['en', 'zh'] as const) await showIn(language, browser);
  } finally {
    await browser.close();
    await mongod.stop();
  }
}

/** A film with words in one language, since nobody sees another one on the page. */
async function showIn(language: Language, browser: Browser): Promise<void> {
  const own = looks.filter((look) => languageOf(look) === language);
  const server = await startServer();
  try {
    for (const look of own) await shoot(browser, server, look, 'first-visit', async () => undefined);
    const ids = await fill(server, language);
    for (const look of own) await tour(browser, server, look, ids);
  } finally {
    await server.stop();
  }
}

async function tour(browser: Browser, server: TestServer, look: Look, ids: string[]): Promise<void> {
  const button = (page: Page | Locator, key: TextKey) =>
    page.getByRole('button', { name: texts[languageOf(look)][key] });
  const choose = (page: Page, id: string) => page.locator(`[data-workspace-id="${id}"] [aria-current]`).click();
  const start = async (page: Page) => {
    await choose(page, ids[0]!);
    await page.locator('video[controls]').evaluate((video: HTMLVideoElement) => (video.currentTime = 1.5));
  };
  await shoot(browser, server, look, 'timeline', start);
  await shoot(browser, server, look, 'movements', async (page) => {
    await start(page);
    await page.locator('#field-camera_movement').click();
    await page.waitForTimeout(1400);
  });
  await shoot(browser, server, look, 'generate-all', async (page) => {
    await button(page, 'top.generateAll').click();
  });
  await shoot(browser, server, look, 'film', async (page) => {
    await choose(page, ids[1]!);
    await button(page, 'top.playFilm').click();
    await page.waitForTimeout(2500);
  });
  await shoot(browser, server, look, 'export', async (page) => {
    await button(page, 'export.name').click();
    await button(page, 'export.start').click();
    await button(page.getByRole('dialog'), 'export.download').waitFor({ timeout: exportWithinMs });
  });
  await shoot(browser, server, look, 'films', async (page) => {
    const { 'films.name': name } = texts[languageOf(look)];
    await page.getByRole('button', { name, exact: true }).click();
    await page.waitForLoadState('networkidle');
  });
  await shoot(browser, server, look, 'keys', async (page) => page.keyboard.press('?'));
  await shoot(browser, server, look, 'phone', start, { width: 390, height: 844 });
}

async function shoot(
  browser: Browser,
  server: TestServer,
  look: Look,
  name: string,
  prepare: (page: Page) => Promise<void>,
  viewport = { width: 1440, height: 900 },
): Promise<void> {
  const { locale, theme } = look;
  const page = await openWindow(browser, server.url, { locale, colorScheme: theme, viewport });
  await page.waitForLoadState('networkidle');
  await prepare(page);
  await page.waitForTimeout(400);
  const file = path.join(folder, `${name}-${languageOf(look)}-${theme}.png`);
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 100, effort: 10 })
    .toFile(file);
  await page.context().close();
}

/** Fills the timeline with shots of the sample picture: two takes of the first, clips of three more, and ideas. */
async function fill(server: TestServer, language: Language): Promise<string[]> {
  const { ask, close } = await connect(server.wsUrl);
  const ids: string[] = [];
  for (const { crop, form, prompt } of shots) {
    const picture = await sharp(sample).extract(crop).resize(1280, 720).jpeg({ quality: 88 }).toBuffer();
    const { body } = await server.upload(picture);
    const { workspace } = await ask({
      type: 'workspace.create',
      data: { image_path: body.image_path, form_data: { ...form, prompt: prompt[language] } },
    });
    ids.push(workspace._id as string);
  }
  const update = (id: string, form: object) =>
    ask({ type: 'workspace.update', workspace_id: id, updates: { form_data: form } });
  await generate(server, ids[0]!);
  await update(ids[0]!, { camera_movement: 'pull_out' });
  await Promise.all(ids.slice(0, 4).map((id) => generate(server, id)));
  await update(ids[2]!, { lighting: 'golden_hour' });
  await server.post('/api/ai/suggest', { workspace_id: ids[0], message: question[language] });
  close();
  return ids;
}

async function generate(server: TestServer, id: string): Promise<void> {
  await server.post('/api/generate/video', { workspace_id: id });
  const until = Date.now() + generateWithinMs;
  while (Date.now() < until) {
    const { body } = await server.get('/api/workspaces');
    const { video } = body.workspaces.find((workspace: { _id: string }) => workspace._id === id);
    if (video.status === 'completed') return;
    if (video.status === 'failed') throw new Error(`the clip failed: ${String(video.error.message)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('the clip took too long');
}
