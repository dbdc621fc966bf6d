/// <reference lib="dom" />
// `npm run screenshots`: the main states of the timeline, in both languages and themes, into docs/screenshots/.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { launchBrowser, openWindow } from '../tests/browser/browser';
import { startTestMongod } from '../tests/helpers/mongod';
import { startServer, type TestServer } from '../tests/helpers/server';
import { connect } from '../tests/helpers/socket';
import { buildIfStale } from './build';

const root = path.resolve(__dirname, '..');
const folder = path.join(root, 'docs', 'screenshots');
const sample = path.join(root, 'docs', 'sample.jpg');
const generateWithinMs = 120_000;

const shots = [
  { crop: { left: 0, top: 0, width: 1600, height: 900 }, form: { camera_movement: 'push_in', lighting: 'sunset' } },
  {
    crop: { left: 1000, top: 110, width: 600, height: 338 },
    form: { camera_movement: 'tilt_up', shot_size: 'medium' },
  },
  {
    crop: { left: 60, top: 470, width: 720, height: 405 },
    form: { camera_movement: 'truck_right', shot_size: 'wide' },
  },
  { crop: { left: 520, top: 200, width: 520, height: 292 }, form: { camera_movement: 'pan_left', duration_s: 4 } },
  { crop: { left: 300, top: 330, width: 560, height: 315 }, form: { camera_movement: 'handheld', duration_s: 3 } },
];

const looks = [
  { language: 'en', locale: 'en-US', theme: 'dark' },
  { language: 'en', locale: 'en-US', theme: 'light' },
  { language: 'zh', locale: 'zh-CN', theme: 'dark' },
  { language: 'zh', locale: 'zh-CN', theme: 'light' },
] as const;

void main();

async function main(): Promise<void> {
  buildIfStale();
  await mkdir(folder, { recursive: true });
  const mongod = await startTestMongod();
  process.env.TEST_MONGODB_URI = mongod.uri;
  const server = await startServer();
  const browser = await launchBrowser();
  try {
    for (const look of looks) await shoot(browser, server, look, 'first-visit', async () => undefined);
    const ids = await fill(server);
    for (const look of looks) await tour(browser, server, look, ids);
  } finally {
    await browser.close();
    await server.stop();
    await mongod.stop();
  }
}

type Look = (typeof looks)[number];

async function tour(browser: Browser, server: TestServer, look: Look, ids: string[]): Promise<void> {
  const choose = (page: Page, id: string) => page.locator(`[data-workspace-id="${id}"] .card-face`).click();
  const start = async (page: Page) => {
    await choose(page, ids[0]!);
    await page.locator('video.stage-media').evaluate((video: HTMLVideoElement) => (video.currentTime = 1.5));
  };
  await shoot(browser, server, look, 'timeline', start);
  await shoot(browser, server, look, 'movements', async (page) => {
    await start(page);
    await page.locator('#field-camera_movement').click();
    await page.waitForTimeout(1400);
  });
  await shoot(browser, server, look, 'generate-all', async (page) => {
    await page.locator('.top-actions .button').nth(1).click();
  });
  await shoot(browser, server, look, 'film', async (page) => {
    await page.locator('.top-actions .button').first().click();
    await page.waitForTimeout(1500);
  });
  await shoot(browser, server, look, 'keys', async (page) => page.keyboard.press('?'));
  await shoot(browser, server, look, 'phone', start, { width: 390, height: 844 });
}

async function shoot(
  browser: Browser,
  server: TestServer,
  { language, locale, theme }: Look,
  name: string,
  prepare: (page: Page) => Promise<void>,
  viewport = { width: 1440, height: 900 },
): Promise<void> {
  const page = await openWindow(browser, server.url, { locale, colorScheme: theme, viewport });
  await page.waitForLoadState('networkidle');
  await prepare(page);
  await page.waitForTimeout(400);
  const file = path.join(folder, `${name}-${language}-${theme}.png`);
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 90 })
    .toFile(file);
  await page.context().close();
}

/** Fills the timeline with shots of the sample picture: two takes of the first, clips of two more, and an idea. */
async function fill(server: TestServer): Promise<string[]> {
  const { ask, close } = await connect(server.wsUrl);
  const ids: string[] = [];
  for (const { crop, form } of shots) {
    const picture = await sharp(sample).extract(crop).resize(1280, 720).jpeg({ quality: 88 }).toBuffer();
    const { body } = await server.upload(picture);
    const { workspace } = await ask({
      type: 'workspace.create',
      data: { image_path: body.image_path, form_data: form },
    });
    ids.push(workspace._id as string);
  }
  const update = (id: string, form: object) =>
    ask({ type: 'workspace.update', workspace_id: id, updates: { form_data: form } });
  await generate(server, ids[0]!);
  await update(ids[0]!, {
    prompt: 'The beam turns across the bay while small waves roll in.',
    camera_movement: 'pull_out',
  });
  await Promise.all([ids[0]!, ids[1]!, ids[2]!].map((id) => generate(server, id)));
  await update(ids[2]!, { lighting: 'golden_hour' });
  await server.post('/api/ai/suggest', { workspace_id: ids[0], message: 'slow push in, close-up, golden hour' });
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
