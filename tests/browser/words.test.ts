/// <reference lib="dom" />
import { wire } from '../helpers/generating';
import { doubles, page, useDoubles } from './doubles-page';
import { addPictures, button, generateButton, prompt, saved } from './timeline-page';

jest.setTimeout(60_000);

useDoubles();

it('names the vendors in Chinese as they are known there, without spaces among Chinese words', async () => {
  await addPictures(page, 1);
  await button(page, '切换到中文').click();
  const vendor = page.getByLabel('服务商');
  const names = await vendor.locator('option').allInnerTexts();
  for (const name of ['可灵', '本地渲染', 'Pika', 'Runway']) expect(names.join()).toContain(name);
  expect(names.join()).not.toMatch(/Kling|Local/);
  await page.getByText('gen4.5 需要提示词；gen4_turbo 可以不填。').first().waitFor();
  await vendor.selectOption('kling');
  await page.getByText(/^可灵 · 5 秒$/).waitFor();
  await page.getByLabel('提示词', { exact: true }).fill('x'.repeat(2500));
  await vendor.selectOption('local');
  await button(page, '全部生成').click();
  await page.getByRole('dialog').getByRole('region', { name: '可以生成' }).getByText('镜头 1').waitFor();
});

it('asks in the title of the dialog whether a second charge is taken into account', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat in fog');
  await saved(page);
  await doubles.runway.script([{ match: wire.runway.create, accept_then_die: true }]);
  await generateButton(page).click();
  await page.getByRole('alert').filter({ hasText: 'check your account there' }).waitFor();
  await generateButton(page).click();
  await page.getByRole('dialog', { name: 'This may be charged a second time' }).waitFor();
  await button(page, 'Generate again anyway').waitFor();
});

it('says why a failure cannot be put away while its provider is still asked, and shows it again', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat comes late');
  await saved(page);
  await doubles.runway.script([{ match: 'GET /files', status: 404 }]);
  await generateButton(page).click();
  const failure = page.getByRole('alert').filter({ hasText: 'could not be fetched' });
  await failure.waitFor();
  await failure.getByRole('button', { name: 'Close' }).click();
  await page.getByText('The provider is still asked about this attempt.').waitFor();
  await failure.waitFor();
});
