/// <reference lib="dom" />
import { wire } from '../helpers/generating';
import { axeViolations, openWindow } from './browser';
import { doubles, list, page, server, useDoubles } from './doubles-page';
import { addPictures, button, cards, choose, clip, generateButton, player, prompt, saved } from './timeline-page';

jest.setTimeout(60_000);

useDoubles();

const alert = () => page.getByRole('alert');
const form = () => page.getByRole('region', { name: 'Shot', exact: true });

it('marks the prompt that Runway needs before the click, and says so after it, on the card too and in Chinese', async () => {
  await addPictures(page, 1);
  await form().getByText('gen4.5 needs a prompt; gen4_turbo works without one.').waitFor();
  expect(await prompt(page).getAttribute('aria-required')).toBe('true');
  await generateButton(page).click();
  await alert()
    .filter({ hasText: 'gen4.5 needs a prompt; gen4_turbo works without one. Nothing was charged.' })
    .waitFor();
  expect(await cards(page).first().innerText()).toContain('gen4.5 needs a prompt');
  expect(await axeViolations(page)).toEqual([]);

  await button(page, '切换到中文').click();
  await alert().filter({ hasText: 'gen4.5 需要提示词；gen4_turbo 可以不填。没有扣费。' }).waitFor();
  await page.getByRole('button', { name: '修改提示词' }).click();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('field-prompt');
});

it('says how many characters a provider takes at most', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('x'.repeat(1001));
  await saved(page);
  await generateButton(page).click();
  await alert().filter({ hasText: 'Prompt: gen4.5 takes at most 1000 characters.' }).waitFor();
});

it('takes a refusal back with its cause, here and elsewhere, and leaves a card with a clip its own state', async () => {
  await addPictures(page, 1);
  await generateButton(page).click();
  await alert().waitFor();
  expect(await cards(page).first().innerText()).toContain('needs a prompt');
  const other = await openWindow(page.context().browser()!, server.url);
  await prompt(other).fill('a boat leaves');
  await alert().waitFor({ state: 'detached' });
  expect(await cards(page).first().innerText()).toContain('Not generated');
  await other.context().close();

  await generateButton(page).click();
  await clip(page).waitFor();
  await page.getByLabel('Model', { exact: true }).selectOption('veo3.1');
  await generateButton(page).click();
  await alert().filter({ hasText: 'Duration: veo3.1 offers 4, 6 and 8 s.' }).waitFor();
  expect(await cards(page).first().innerText()).toContain('Changed since');
  await button(page, '切换到中文').click();
  await alert().filter({ hasText: '时长：veo3.1 支持 4、6 和 8 秒。改用 ' }).waitFor();
  await alert().getByRole('button', { name: '使用 6 秒' }).click();
  await alert().waitFor({ state: 'detached' });
});

it('puts a failure away for good', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat sinks');
  await doubles.runway.set({ ends: 'failed' });
  await generateButton(page).click();
  await alert().filter({ hasText: 'could not make this clip' }).waitFor();
  await button(page, 'Close').click();
  await alert().waitFor({ state: 'detached' });
  await saved(page);
  expect((await list())[0]!.video.status).toBe('idle');
  await page.reload();
  await cards(page).first().waitFor();
  expect(await cards(page).first().innerText()).toContain('Not generated');
});

it('tells a lost answer in the words of the server, and leaves it in sight', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat in fog');
  await saved(page);
  await doubles.runway.script([{ match: wire.runway.create, accept_then_die: true }]);
  await generateButton(page).click();
  await alert().filter({ hasText: 'check your account there' }).waitFor();
  const { error } = (await list())[0]!.video;
  expect(await alert().innerText()).toContain(error!.message);
  expect(await button(page, 'Close').count()).toBe(0);
  await alert().getByText('The price is about $0.60.').waitFor();
  const link = alert().getByRole('link', { name: 'Settle it under Costs' });
  expect(await link.getAttribute('href')).toMatch(/\/costs$/);
});

it('says of a settled answer only what was noted, with the amount', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat in fog');
  await saved(page);
  await doubles.runway.script([{ match: wire.runway.create, accept_then_die: true }]);
  await generateButton(page).click();
  await alert().filter({ hasText: 'check your account there' }).waitFor();
  const { attempt_id } = (await list())[0]!.video;
  const settled = await server.post('/api/costs/settle', { attempt_id, charged: true, micros: 550_000 });
  expect(settled.status).toBe(200);
  await alert().filter({ hasText: 'You noted that it was charged ($0.55). The clip was not received.' }).waitFor();
  expect(await alert().innerText()).not.toContain('check your account');
});

it('says at a limit what a video needs and where the limit is set', async () => {
  await addPictures(page, 2);
  await prompt(page).fill('a boat leaves');
  await choose(page, 2);
  await prompt(page).fill('a boat returns');
  await saved(page);
  await button(page, 'Costs').click();
  await page.getByLabel('Limit per film').fill('0.70');
  await saved(page);
  await page.getByText('$0.00 of $0.70').waitFor();
  await button(page, 'Untitled').click();
  await generateButton(page).click();
  await clip(page).waitFor();
  await choose(page, 1);
  await generateButton(page).click();
  await alert().getByText('This film: $0.60 of $0.70, and this video needs about $0.60.').waitFor();
  await button(page, 'Generate anyway, about $0.60').click();
  await clip(page).waitFor();
});

it('tells the directions of an orbit and of a crane apart, in the field and on the card', async () => {
  await addPictures(page, 1);
  for (const [id, words] of [
    ['orbit_left', 'Orbit left'],
    ['orbit_right', 'Orbit right'],
    ['crane_up', 'Crane up'],
    ['crane_down', 'Crane down'],
  ] as const) {
    await page.getByLabel('Camera movement').click();
    await page.getByRole('option', { name: words }).click();
    expect(await page.getByLabel('Camera movement').inputValue()).toBe(words);
    expect(await cards(page).first().innerText()).toContain(words);
    await saved(page);
    expect((await list())[0]!.form_data.camera_movement).toBe(id);
  }
});

it('counts one change as one', async () => {
  await addPictures(page, 1);
  await server.kill();
  await page.getByRole('status').filter({ hasText: 'Offline' }).waitFor();
  await prompt(page).fill('typed alone');
  await page
    .getByRole('status')
    .filter({ hasText: /^Offline, 1 change waiting$/ })
    .waitFor();
});

it('says that the local renderer only moves the picture, at the field and on its clip', async () => {
  await addPictures(page, 1);
  await page.getByLabel('Provider').selectOption('local');
  await form().getByText('Moves the picture; set a key for AI video.').waitFor();
  await page.getByLabel('Duration').selectOption('2');
  await generateButton(page).click();
  await clip(page).waitFor();
  await player(page).getByText('Moves the picture; set a key for AI video.').waitFor();
});
