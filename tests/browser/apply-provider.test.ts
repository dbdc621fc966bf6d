/// <reference lib="dom" />
import { page, useDoubles } from './doubles-page';
import { addPictures, button, choose } from './timeline-page';

jest.setTimeout(120_000);
useDoubles();

it('applies the provider to all shots in one step', async () => {
  const provider = () => page.getByLabel('Provider').inputValue();
  const all = async () => {
    const chosen = [];
    for (const number of [1, 2, 3]) {
      await choose(page, number);
      chosen.push(await provider());
    }
    return chosen;
  };
  await addPictures(page, 3);
  await choose(page, 2);
  const usual = await provider();
  await page.getByLabel('Provider').selectOption('kling');
  await button(page, 'Apply provider to all').click();
  await page.getByText('Provider applied to 3 shots').waitFor();
  expect(await all()).toEqual(['kling', 'kling', 'kling']);
  await button(page, 'Undo').click();
  expect(await all()).toEqual([usual, 'kling', usual]);
});
