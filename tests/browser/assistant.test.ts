/// <reference lib="dom" />
import { eventually } from '../helpers/generating';
import { startDouble, type StartedDouble } from '../doubles/start-double';
import { addPictures, button, cards, face, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

let double: StartedDouble;
beforeAll(async () => {
  double = await startDouble('openai');
});
beforeEach(() => double.reset());
afterAll(() => double.stop());

const { visit, server } = useTimeline(() => ({
  LLM_PROVIDER: 'openai',
  OPENAI_BASE_URL: `${double.url}/v1`,
  OPENAI_MODEL: 'gpt-4o',
}));
const asked = async () => (await double.requests()).filter(({ method }) => method === 'POST').length;
const label = 'Message to the assistant';

it('ends the question at the server when it is stopped', async () => {
  await double.script([{ match: 'POST', delay_ms: 3000 }]);
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel(label).fill('warmer');
  await button(page, 'Ask').click();
  await eventually(async () => (await asked()) === 1);
  await button(page, 'Stop').click();
  await eventually(async () => /suggestion (failed|stored)/.test(await server().log()));
  expect(await server().log()).not.toContain('suggestion stored');
});

it('asks a failed question again without typing it again', async () => {
  await double.script([{ match: 'POST', status: 401, body: { error: { message: 'no' } } }]);
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel(label).fill('warmer');
  await button(page, 'Ask').click();
  await page.getByText('The provider refused the key.').waitFor();
  await double.reset();
  await button(page, 'Try again').click();
  await button(page, 'Apply').waitFor();
  expect(await page.getByText('warmer', { exact: true }).count()).toBe(1);
});

it('keeps what is typed for each shot', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await face(page, 0).click();
  await page.getByLabel(label).fill('for the first');
  await face(page, 1).click();
  expect(await page.getByLabel(label).inputValue()).toBe('');
  await face(page, 0).click();
  expect(await page.getByLabel(label).inputValue()).toBe('for the first');
  expect(await cards(page).count()).toBe(2);
});

it('sends nothing at the Enter that ends a composition in Safari', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel(label).fill('huanghun');
  const press = (keyCode: number) =>
    page.getByLabel(label).dispatchEvent('keydown', { key: 'Enter', keyCode, bubbles: true, cancelable: true });
  await press(229);
  expect(await page.getByLabel(label).inputValue()).toBe('huanghun');
  await press(13);
  expect(await page.getByLabel(label).inputValue()).toBe('');
});
