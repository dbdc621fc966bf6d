/// <reference lib="dom" />
import { addPictures, button, cards, face, generateButton, prompt, saved, status, useTimeline } from './timeline-page';

jest.setTimeout(120_000);

const { visit, server } = useTimeline();

it('has fields of 16 px and targets of 44 px under a finger', async () => {
  const page = await visit({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
  await addPictures(page, 1);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('button, input:not([type=file]), select, textarea')]
      .filter((element) => element.checkVisibility() && !element.closest('[aria-current], video'))
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ element, box }) => {
        const isField = element.matches('input, select, textarea');
        const isSmall = box.height < 43.5 || (!isField && box.width < 43.5);
        return isSmall || (isField && parseFloat(getComputedStyle(element).fontSize) < 16);
      })
      .map(
        ({ element, box }) => `${element.id || element.ariaLabel || element.textContent} ${box.width}x${box.height}`,
      ),
  );
  expect(small).toEqual([]);
});

it('lets single letters be switched off, and remembers it', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await face(page, 0).click();
  await page.keyboard.press('?');
  await page.getByLabel('Letters without Ctrl or Cmd are shortcuts').uncheck();
  await button(page, 'Close').click();
  await page.reload();
  await cards(page).first().waitFor();
  await face(page, 0).click();
  await page.keyboard.press('p');
  expect(await page.getByRole('dialog').count()).toBe(0);
  await page.keyboard.press('ArrowRight');
  await button(page, 'Keyboard shortcuts').click();
  await page.getByLabel('Letters without Ctrl or Cmd are shortcuts').check();
  await button(page, 'Close').click();
  await page.keyboard.press('p');
  await page.getByRole('dialog', { name: 'Film' }).waitFor();
});

it('says to a screen reader that a clip landed', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.getByLabel('Duration').selectOption('2');
  await generateButton(page).click();
  await page
    .locator('[aria-live=polite]')
    .filter({ hasText: 'Shot 1 is ready' })
    .waitFor({ timeout: 60_000, state: 'attached' });
});

it('says to a screen reader when trouble with saving comes and goes, and nothing after each pause in the typing', async () => {
  const page = await visit();
  await addPictures(page, 1);
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(window, { said });
    const isLive = (element: Element | null) => {
      const region = element?.closest('[aria-live], [role=status], [role=alert]');
      return region !== null && region !== undefined && region.getAttribute('aria-live') !== 'off';
    };
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const element = target instanceof Element ? target : target.parentElement;
        if (isLive(element) && element?.textContent) said.push(element.textContent);
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const said = () => page.evaluate(() => (window as unknown as { said: string[] }).said);
  for (const words of ['one', 'one two']) {
    await prompt(page).fill(words);
    await status(page).filter({ hasText: 'Saving' }).waitFor();
    await saved(page);
  }
  expect(await said()).toEqual([]);

  const ports = { SERVER_PORT: new URL(server().url).port, WS_PORT: new URL(server().wsUrl).port };
  await server().kill();
  await status(page).filter({ hasText: 'Offline' }).waitFor();
  await prompt(page).fill('one two three');
  const restarted = await server().restart(ports);
  try {
    await saved(page);
    await page.waitForFunction(() => (window as unknown as { said: string[] }).said.includes('Saved again'));
    expect(new Set((await said()).filter((words) => /^Offline|^Saved/.test(words)))).toEqual(
      new Set(['Offline', 'Saved again']),
    );
  } finally {
    await restarted.stop();
  }
});
