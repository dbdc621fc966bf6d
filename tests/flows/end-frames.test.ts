// From the pictures of a shot to what the vendor was sent: first and last frame of each vendor's own body.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { quarters } from '../fixtures/colours';
import { blank, pixelDistance } from '../fixtures/pictures';
import type { Vendor } from '../helpers/generating';
import { click, createsOf, doubles, ends, server, socket, stored, useVendors } from '../helpers/vendors';

useVendors();

/** In values of 0 to 255: what a JPEG and its smaller size leave of difference is below 1. */
const same = 2;

let firstPath: string;
let lastPath: string;

beforeAll(async () => {
  firstPath = await upload(await blank(1280, 720).png().toBuffer());
  lastPath = await upload(await (await quarters(1280, 720)).png().toBuffer());
});

async function upload(picture: Buffer): Promise<string> {
  return (await server.upload(picture)).body.image_path as string;
}

const fileOf = (imagePath: string) => readFileSync(path.join(server.folder, imagePath));

/** A shot at the end of the film. */
async function shot(form: Partial<FormData>, pictures: { image_path?: string; end_image_path?: string } = {}) {
  const form_data = { ...emptyForm, prompt: 'A lamp turns.', ...form };
  const data = { image_path: firstPath, ...pictures, form_data };
  const { workspace } = await socket.ask({ type: 'workspace.create', data });
  return workspace._id as string;
}

const makers: [Vendor, Partial<FormData>][] = [
  ['runway', { model: 'veo3.1', duration_s: 4 }],
  ['runway', { model: 'seedance2' }],
  ['kling', { model: 'kling-3.0' }],
  ['kling', { model: 'kling-2.6', resolution: '1080p' }],
  ['pika', {}],
];

test.each(makers)('a shot that ends on a picture is sent to %s with both: %j', async (vendor, form) => {
  const id = await shot({ provider: vendor, ...form, end: 'image' }, { end_image_path: lastPath });
  expect(await click(id, vendor)).toMatchObject({ status: 202 });
  const video = await ends(id);
  expect(video).toMatchObject({ status: 'completed', end_image_url: `/${lastPath}` });
  const [sent] = await doubles[vendor].pictures();
  expect(await pixelDistance(sent!.first!, fileOf(firstPath))).toBeLessThan(same);
  expect(await pixelDistance(sent!.last!, fileOf(lastPath))).toBeLessThan(same);
});

test('a shot that ends on the picture of the next one is sent with that picture', async () => {
  const id = await shot({ provider: 'kling', end: 'next' });
  await shot({}, { image_path: lastPath });
  expect(await click(id, 'kling')).toMatchObject({ status: 202 });
  await ends(id);
  const [sent] = await doubles.kling.pictures();
  expect(await pixelDistance(sent!.last!, fileOf(lastPath))).toBeLessThan(same);
});

test.each<[Vendor, Partial<FormData>, string]>([
  ['runway', { model: 'gen4.5', end: 'image' }, 'form_data.end'],
  ['kling', { model: 'kling-3.0-turbo', end: 'image' }, 'form_data.end'],
  ['kling', { model: 'kling-2.6', end: 'image' }, 'form_data.resolution'],
  ['kling', { model: 'kling-2.5-turbo', end: 'image', resolution: '720p' }, 'form_data.resolution'],
  ['kling', { model: 'kling-2.6', end: 'image', resolution: '1080p', audio: true }, 'form_data.audio'],
])('an end frame that %s cannot make so is refused, and nothing is sent: %j', async (vendor, form, field) => {
  const id = await shot({ provider: vendor, ...form }, { end_image_path: lastPath });
  const answer = await click(id, vendor);
  expect(answer).toMatchObject({ status: 400, body: { error: { code: 'INVALID_INPUT', details: [{ path: field }] } } });
  expect((await stored(id)).video.status).toBe('idle');
  expect(await createsOf(doubles[vendor])).toBe(0);
});
