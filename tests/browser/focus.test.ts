/// <reference lib="dom" />
import { addPictures, button, face, prompt, saved, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit } = useTimeline();

it.each(['Play film', 'Generate all', 'Keyboard shortcuts'])(
  'gives the focus back to the button "%s" when its dialog is closed',
  async (name) => {
    const page = await visit();
    await addPictures(page, 1);
    for (const close of ['Escape', 'button']) {
      await button(page, name).click();
      await page.getByRole('dialog').waitFor();
      if (close === 'Escape') await page.keyboard.press('Escape');
      else await button(page, 'Close').click();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        return element?.getAttribute('aria-label') ?? element?.textContent?.trim();
      });
      expect(focused).toBe(name);
    }
  },
);

it('lets the arrow keys go on from the card after a dialog that a key opened', async () => {
  const page = await visit();
  await addPictures(page, 2);
  await face(page, 0).click();
  await page.keyboard.press('p');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowRight');
  await page.getByText('Picture of shot 2').or(page.getByAltText('Picture of shot 2')).waitFor({ timeout: 5000 });
});

it.each([['Message to the assistant'], ['Camera movement']])(
  'undoes the words of the box "%s" with Ctrl+Z, and leaves the film alone',
  async (label) => {
    const page = await visit();
    await addPictures(page, 1);
    await prompt(page).fill('rain on the roof');
    await saved(page);
    const box = page.getByLabel(label);
    await box.click();
    await box.pressSequentially('slow');
    await box.press('Control+z');
    expect(await box.inputValue()).not.toContain('slow');
    expect(await prompt(page).inputValue()).toBe('rain on the roof');
  },
);

it('takes back a long text in steps of a few seconds', async () => {
  const page = await visit();
  await addPictures(page, 1);
  const startedAt = Date.now();
  const parts = ['One ', 'two ', 'three ', 'four ', 'five '];
  for (const [index, part] of parts.entries()) {
    await page.clock.setFixedTime(startedAt + index * 900);
    await prompt(page).pressSequentially(part);
  }
  await prompt(page).press('Control+z');
  expect(await prompt(page).inputValue()).toBe('One two three four ');
  await prompt(page).press('Control+z');
  expect(await prompt(page).inputValue()).toBe('');
});
