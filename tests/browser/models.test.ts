/// <reference lib="dom" />
import { axeViolations, openWindow } from './browser';
import { list, page, server, useDoubles } from './doubles-page';
import {
  addPictures,
  button,
  cards,
  choose,
  clip,
  generateButton,
  pickFiles,
  player,
  prompt,
  sample,
  saved,
} from './timeline-page';

jest.setTimeout(120_000);

useDoubles({ RUNWAY_EXTRA_MODELS: 'gen5:gen4.5' });

const field = (name: string) => page.getByLabel(name, { exact: true });
const form = () => page.getByRole('region', { name: 'Shot', exact: true });
const generateSays = (words: string) => page.getByRole('button', { name: words, exact: true }).waitFor();
const shownChoice = async () => [
  await field('Provider').inputValue(),
  await field('Model').inputValue(),
  await field('Resolution').inputValue(),
  await field('Sound').isChecked(),
];

it('keeps provider, model, resolution and sound over a reload, gives them to a new shot, and takes them back', async () => {
  const chosen = ['kling', 'kling-2.6', '1080p', true];
  await addPictures(page, 1);
  await field('Provider').selectOption('kling');
  await field('Model').selectOption('kling-2.6');
  await field('Resolution').selectOption('1080p');
  await field('Sound').check();
  await saved(page);
  await page.reload();
  await cards(page).first().waitFor();
  expect(await shownChoice()).toEqual(chosen);
  expect(await axeViolations(page)).toEqual([]);

  await addPictures(page, 1);
  await choose(page, 2);
  expect(await shownChoice()).toEqual(chosen);
  const [, second] = await list();
  expect(second!.form_data).toMatchObject({ provider: 'kling', model: 'kling-2.6', resolution: '1080p', audio: true });

  await choose(page, 1);
  await field('Provider').selectOption('pika');
  await field('Sound').waitFor({ state: 'detached' });
  expect(await field('Model').count()).toBe(0);
  expect(await field('Resolution').inputValue()).toBe('1080p');
  await button(page, 'Undo').click();
  await field('Model').waitFor();
  expect(await shownChoice()).toEqual(chosen);
});

it('shows the price of each choice on the button, with its date', async () => {
  await addPictures(page, 1);
  await generateSays('Generate, about $0.60');
  await player(page)
    .getByText(/price as of \w{3} \d+, \d{4}/)
    .waitFor();
  await field('Model').selectOption('gen4_turbo');
  await generateSays('Generate, about $0.25');
  await field('Duration').selectOption('10');
  await generateSays('Generate, about $0.50');
  await field('Model').selectOption('gen5');
  await generateSays('Generate, price unknown');
  await field('Provider').selectOption('local');
  await generateSays('Generate');
  await field('Provider').selectOption('pika');
  await field('Duration').selectOption('5');
  await generateSays('Generate, about $0.20');
  await field('Resolution').selectOption('1080p');
  await generateSays('Generate, about $0.45');
});

it('says before the click what a model cannot make, and which one can', async () => {
  await addPictures(page, 1);
  await field('Provider').selectOption('kling');
  await field('Model').selectOption('kling-3.0');
  await field('Duration').selectOption('7');
  await field('Sound').check();
  await field('Model').selectOption('kling-2.5-turbo');
  await form().getByText('Duration: kling-2.5-turbo offers 5 and 10 s. It works with kling-3.0.').waitFor();
  await form().getByText('kling-2.5-turbo makes no sound. Turn sound off or take kling-3.0.').waitFor();
  await generateSays('Generate');
  await field('Model').selectOption('kling-3.0-turbo');
  await form().getByText('Clips of this model have sound.').waitFor();
  expect(await form().getByText('It works with').count()).toBe(0);
});

it('leads out of what a model cannot make with one press, at the field and in the refusal', async () => {
  await addPictures(page, 1);
  await field('Provider').selectOption('kling');
  await field('Model').selectOption('kling-2.6');
  await field('Sound').check();
  await form().getByText('with sound, kling-2.6 offers 1080p.').waitFor();
  await form().getByRole('button', { name: 'Use 1080p' }).click();
  await generateSays('Generate, about $0.70');
  await field('Model').selectOption('kling-2.5-turbo');
  await generateSays('Generate');
  await generateButton(page).click();
  const alert = page.getByRole('alert');
  await alert
    .filter({ hasText: 'kling-2.5-turbo makes no sound.' })
    .filter({ hasText: 'Nothing was charged.' })
    .waitFor();
  expect(await alert.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  expect(await axeViolations(page)).toEqual([]);
  await alert.getByRole('button', { name: 'Turn sound off' }).click();
  await alert.waitFor({ state: 'detached' });
  await generateSays('Generate, about $0.35');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('generate');
});

it('gives a model to all shots with its provider, in one step', async () => {
  await addPictures(page, 2);
  await choose(page, 2);
  await field('Provider').selectOption('kling');
  await saved(page);
  await choose(page, 1);
  await field('Model').selectOption('gen4_turbo');
  await button(page, 'Apply model to all').click();
  await page.getByText('Model applied to 2 shots').waitFor();
  await saved(page);
  const chosen = (await list()).map(({ form_data: { provider, model } }) => [provider, model]);
  expect(chosen).toEqual([
    ['', 'gen4_turbo'],
    ['', 'gen4_turbo'],
  ]);
  await button(page, 'Undo').click();
  await saved(page);
  expect((await list())[1]!.form_data.provider).toBe('kling');
});

it('adds up in "Generate all" what is known, and counts what is not', async () => {
  await addPictures(page, 3);
  for (const [number, model] of [
    [1, 'gen4_turbo'],
    [2, 'gen4_turbo'],
    [3, 'gen5'],
  ] as const) {
    await choose(page, number);
    await prompt(page).fill('a boat leaves');
    await field('Model').selectOption(model);
  }
  await button(page, 'Generate all').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Together about $0.50.').waitFor();
  await dialog.getByText('The price of 1 shot is not known.').waitFor();
});

it('says in every browser that a clip was made from another picture', async () => {
  await addPictures(page, 1);
  await prompt(page).fill('a boat leaves');
  await generateButton(page).click();
  await clip(page).waitFor();
  const other = await openWindow(page.context().browser()!, server.url);
  await cards(other).first().filter({ hasText: 'Ready' }).waitFor();
  await pickFiles(page, 'Replace picture', sample);
  await cards(other).first().filter({ hasText: 'Changed since' }).waitFor();
  await other.reload();
  await cards(other).first().filter({ hasText: 'Changed since' }).waitFor();
  await button(page, 'Undo').click();
  await cards(other).first().filter({ hasText: 'Ready' }).waitFor();
  await other.context().close();
});

it('stores the provider that 1.0.0 remembered in this browser, once', async () => {
  await addPictures(page, 2);
  const [first, second] = (await list()).map(({ _id }) => _id);
  await page.evaluate((remembered) => localStorage.setItem('providers', JSON.stringify(remembered)), {
    [first!]: 'kling',
    [second!]: 'runway',
    ofAnotherFilm: 'pika',
  });
  await page.reload();
  await page.waitForFunction(() => localStorage.getItem('providers') === '{"ofAnotherFilm":"pika"}');
  await saved(page);
  expect((await list()).map(({ form_data: form }) => form.provider)).toEqual(['kling', '']);
  expect(await field('Provider').inputValue()).toBe('kling');
});
