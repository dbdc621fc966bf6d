/// <reference lib="dom" />
import type { Film } from '../../src/contract/film';
import type { Costs } from '../../src/contract/money';
import { wire } from '../helpers/generating';
import { axeViolations } from './browser';
import { doubles, list, page, server, useDoubles } from './doubles-page';
import { addPictures, button, cards, choose, clip, generateButton, player, prompt, saved } from './timeline-page';

jest.setTimeout(120_000);

useDoubles({ RUNWAY_EXTRA_MODELS: 'gen5:gen4.5' });

const alert = () => page.getByRole('alert');
const costs = async () => (await server.get('/api/costs')).body as unknown as Costs;
const figure = (name: string) => page.locator('dl > div').filter({ hasText: name }).locator('dd');
const openCosts = async () => {
  await button(page, 'Costs').click();
  await page.getByRole('heading', { name: 'Costs' }).waitFor();
};
const backToFilm = async () => {
  await button(page, 'Untitled').click();
  await cards(page).first().waitFor();
};

async function limitFilm(amount: string): Promise<void> {
  await openCosts();
  await page.getByLabel('Limit per film').fill(amount);
  await saved(page);
  await page.getByText(`$0.00 of $${amount}`).waitFor();
  await backToFilm();
}

it('says what a clip did cost: in the player, at a take, and on the page of costs', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat leaves');
  for (const takes of [0, 1]) {
    await generateButton(page).click();
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await generateButton(page).waitFor();
    await clip(page).waitFor();
    expect((await list())[0]!.takes).toHaveLength(takes);
  }
  await player(page).getByText('Shot 1 $0.60').waitFor();
  const takes = page.getByRole('region', { name: 'Takes' });
  expect(await takes.getByText('$0.60', { exact: true }).count()).toBe(2);

  await openCosts();
  for (const name of ['Today', 'This month', 'This film', 'Total']) {
    expect(await figure(name).allInnerTexts()).toEqual(['$1.20']);
  }
  await page.getByRole('row', { name: 'Runway gen4.5 2 $1.20' }).waitFor();
  await page.getByRole('img', { name: /^\d{4}-\d\d-\d\d: \$1\.20$/ }).waitFor();
  expect(await axeViolations(page)).toEqual([]);
  expect(page.troubles).toEqual([]);
});

it('refuses at the limit of a film, says how much of it is spent, and generates anyway', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat leaves');
  await limitFilm('0.50');
  await generateButton(page).click();
  await alert().filter({ hasText: 'This video would go beyond a spending limit' }).waitFor();
  await alert().getByText('$0.00 of $0.50').waitFor();
  await alert().getByText('Nothing was charged.').waitFor();
  expect(await cards(page).first().innerText()).toContain('spending limit');
  expect(await alert().getByRole('link', { name: 'Costs' }).getAttribute('href')).toMatch(/^\/films\/\w+\/costs$/);
  expect(await axeViolations(page)).toEqual([]);
  expect(await doubles.runway.accepted()).toHaveLength(0);

  await button(page, 'Generate anyway, about $0.60').click();
  await clip(page).waitFor();
  expect((await costs()).charges).toMatchObject([{ state: 'charged', accept_over_limit: true }]);
  await openCosts();
  await page.getByText('$0.60 of $0.50').waitFor();
  const bar = page.getByRole('progressbar', { name: 'This film' });
  const bad = await bar.evaluate((node) => {
    const sample = node.parentElement!.appendChild(document.createElement('span'));
    sample.style.color = 'var(--bad)';
    return getComputedStyle(sample).color;
  });
  expect(await bar.evaluate((node) => getComputedStyle(node).accentColor)).toBe(bad);
});

it('refuses a price that is not known where there is a limit, in Chinese too, and generates anyway', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat leaves');
  await page.getByLabel('Model', { exact: true }).selectOption('gen5');
  await limitFilm('5.00');
  await generateButton(page).click();
  await alert().filter({ hasText: 'The price of this model is not known' }).waitFor();
  await button(page, '切换到中文').click();
  await alert().filter({ hasText: '这个模型的价格未知' }).waitFor();
  await button(page, '仍然生成').click();
  // The double knows no such model either, and refuses it.
  await alert().filter({ hasText: '没有扣费', hasNotText: '价格未知' }).waitFor();
  expect(await doubles.runway.requests()).toMatchObject([{ body: { model: 'gen5' } }]);
});

it('reads the amount of a limit as people write it, and keeps what is none', async () => {
  await openCosts();
  const field = page.getByLabel('Limit per film');
  const stored = async () => ((await server.get('/api/films')).body.films as Film[])[0]!.settings.spend_limit;
  for (const typed of ['$1,000.50', '１，０００．５', '1,000.5 USD']) {
    await field.fill(typed);
    await page.getByText('Saved: $1,000.50').waitFor();
    expect(await stored()).toEqual({ currency: 'USD', micros: 1_000_500_000 });
    await field.fill('');
    await page.getByText('Saved: no limit').waitFor();
  }
  await field.fill('1,000.50');
  await page.getByText('Saved: $1,000.50').waitFor();
  for (const typed of ['-3', 'abc', '¥10']) {
    await field.fill(typed);
    await field.press('Enter');
    await page.getByText('This is not an amount in USD such as 20 or 1,000.50, so it was not saved.').waitFor();
    await field.blur();
    expect(await field.inputValue()).toBe(typed);
    expect(await field.getAttribute('aria-invalid')).toBe('true');
  }
  expect(await axeViolations(page)).toEqual([]);
  expect(await stored()).toEqual({ currency: 'USD', micros: 1_000_500_000 });
});

it('leaves an amount in its currency, and says of one in which no model is priced that it stops nothing', async () => {
  await openCosts();
  const field = page.getByLabel('Limit per film');
  await field.fill('4.50');
  await page.getByText('Saved: $4.50').waitFor();
  expect(await page.getByText('No model here is priced').count()).toBe(0);
  await page.getByLabel('Currency').selectOption('CNY');
  await page.getByText('No model here is priced in CNY, so this limit would stop nothing.').waitFor();
  await page.getByText('Enter an amount in CNY. Until then, the limit stays $4.50.').waitFor();
  expect(await field.inputValue()).toBe('');
  expect(await axeViolations(page)).toEqual([]);
  await page.reload();
  expect(await field.inputValue()).toBe('4.5');
  await page.getByLabel('Currency').selectOption('CNY');
  await field.fill('30');
  await page.getByText('Saved: CN¥30.00').waitFor();
});

it('settles an unclear charge, after which the next click asks nothing', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat in fog');
  await saved(page);
  await doubles.runway.script([{ match: wire.runway.create, accept_then_die: true }]);
  await generateButton(page).click();
  await alert().filter({ hasText: 'It may have been charged.' }).waitFor();
  await openCosts();
  const unclear = page.getByRole('region', { name: 'Unclear' });
  await unclear.getByText('about $0.60').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  await unclear.getByRole('button', { name: 'Was not charged' }).click();
  await unclear.getByText('For every video it is known').waitFor();
  expect(await figure('Today').allInnerTexts()).toEqual(['Nothing']);
  expect((await costs()).charges).toMatchObject([{ state: 'none' }]);

  await backToFilm();
  await doubles.runway.script([]);
  await generateButton(page).click();
  await clip(page).waitFor();
});

it('settles an unclear charge with the amount that the account shows', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat in fog');
  await saved(page);
  await doubles.runway.script([{ match: wire.runway.create, accept_then_die: true }]);
  await generateButton(page).click();
  await alert().filter({ hasText: 'It may have been charged.' }).waitFor();
  await openCosts();
  const amount = page.getByLabel('Amount (USD)');
  await amount.fill('35 cents');
  await button(page, 'Was charged').click();
  await page.getByText('This is not an amount such as 20 or 20.50.').waitFor();
  expect(await axeViolations(page)).toEqual([]);
  expect((await costs()).charges).toMatchObject([{ state: 'maybe' }]);
  await amount.fill('$0.35');
  await button(page, 'Was charged').click();
  await page.getByText('For every video it is known').waitFor();
  expect(await figure('Today').allInnerTexts()).toEqual(['$0.35']);
});

it('leads from row to row of unclear charges, and from each to its shot', async () => {
  await addPictures(page, 2);
  await doubles.runway.script([1, 2].map(() => ({ match: wire.runway.create, accept_then_die: true })));
  for (const number of [1, 2]) {
    await choose(page, number);
    await prompt(page).fill('a boat in fog');
    await saved(page);
    await generateButton(page).click();
    await alert().filter({ hasText: 'It may have been charged.' }).waitFor();
  }
  await openCosts();
  const rows = page.getByRole('region', { name: 'Unclear' }).getByRole('listitem');
  const focused = page.locator(':focus');
  await rows.filter({ hasText: 'Shot 2' }).getByRole('button', { name: 'Was not charged' }).click();
  await rows.filter({ hasText: 'Shot 2' }).waitFor({ state: 'detached' });
  expect(await focused.innerText()).toContain('Shot 1');
  await focused.getByRole('button', { name: 'Was charged' }).click();
  await page.getByText('For every video it is known').waitFor();
  expect(await focused.innerText()).toBe('Unclear');
  const free = page.getByRole('region', { name: 'Charges' }).getByRole('listitem').filter({ hasText: 'Not charged' });
  await free.getByText('about $0.60').waitFor();
  expect(await free.locator('strong').count()).toBe(0);
  expect(await axeViolations(page)).toEqual([]);

  await page.getByRole('link', { name: 'Shot 1' }).click();
  await player(page).getByText('Shot 1').waitFor();
  await openCosts();
  await page.getByRole('link', { name: 'Shot 2' }).click();
  await player(page).getByText('Shot 2').waitFor();
});

it('fits the page of costs on a phone', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto(`${server.url}/costs`);
  await page.getByLabel('Limit per film').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});
