import { expect } from '../tell.mjs';

/** Goes through the whole page with Tab, and does with keys what a mouse can do. */
export async function keyboardWalk({ page, until, text }) {
  await page.evaluate(() =>
    document.activeElement instanceof HTMLElement ? document.activeElement.blur() : undefined,
  );
  const seen = [];
  for (let i = 0; i < 400; i++) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return undefined;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const visible =
        element.checkVisibility() && outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2;
      return {
        what: `${element.tagName}.${element.className}#${element.id}`,
        text: element.textContent.slice(0, 30),
        visible,
      };
    });
    if (here === undefined) break;
    expect(here.visible, `focus cannot be seen on ${here.what} ${here.text}`);
    seen.push(here);
  }
  expect(seen[0]?.text === 'Skip to the report', `the first stop is ${seen[0]?.what}`);
  const can = await page.$$eval(
    'a[href], button, select, input, summary, [tabindex="0"]',
    (all) => all.filter((element) => element.checkVisibility()).length,
  );
  expect(seen.length === can, `${seen.length} stops, but ${can} things can be used`);

  await page.focus('#chart-total .plot');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  expect((await text('#chart-total .where')) === 'step 118', await text('#chart-total .where'));
  await page.keyboard.press('Home');
  expect((await text('#chart-total .where')) === 'step 0', await text('#chart-total .where'));
  await page.keyboard.press('Escape');
  expect((await text('#chart-total .where')) === 'last step', await text('#chart-total .where'));

  await page.focus('#findings .link');
  await page.keyboard.press('Enter');
  expect((await text('#chart-kl .where')) === 'step 95', await text('#chart-kl .where'));
  await page.focus('#chart-kl .key');
  await page.keyboard.press('Enter');
  expect(
    (await page.$eval('#chart-kl button.key', (key) => key.getAttribute('aria-pressed'))) === 'false',
    'a curve cannot be hidden',
  );
  await page.focus('#theme');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  expect(
    (await page.evaluate(() => document.documentElement.dataset.theme)) === 'dark',
    'the theme does not change',
  );
  await page.keyboard.press('Enter');
  await page.focus('#chart-total summary');
  await page.keyboard.press('Enter');
  expect(await page.$eval('#chart-total details', ({ open: is }) => is), 'the numbers do not open');
  await page.focus('.picture');
  await page.keyboard.press('Enter');
  await until(() => document.querySelector('dialog[open] img')?.naturalWidth > 0);
  await page.keyboard.press('Escape');
  await until(
    () => document.querySelector('dialog') === null && document.activeElement?.className === 'picture',
  );
  await page.focus('#pictures select');
  await page.keyboard.press('ArrowUp');
  await until(() => document.querySelector('.group').getAttribute('aria-label') === 'Best group of step 80');
  return `${seen.length} stops`;
}
