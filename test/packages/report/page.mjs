/** A report's page as a person has it. Functions without imports run in the page. */

/** Opens a page in a tab of its own, and waits until its charts are drawn. */
export async function openPage(browser, { url, width, height = 900, scheme = 'light' }) {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  const wrong = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('requestfailed', (request) =>
    wrong.push(`${request.url().slice(0, 80)} ${request.failure()?.errorText}`),
  );
  const start = performance.now();
  await page.goto(url);
  await page.waitForFunction(
    () => document.querySelectorAll('.chart').length === document.querySelectorAll('.plot canvas').length,
  );
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const seconds = (performance.now() - start) / 1000;
  return {
    page,
    /** From the address to the drawn charts. */
    seconds,
    text: (selector) => page.$eval(selector, ({ textContent }) => textContent),
    until: (condition, ...args) => page.waitForFunction(condition, { polling: 50, timeout: 20_000 }, ...args),
    /** Widths of all pictures, each of which has been scrolled to. */
    async pictures() {
      return page.evaluate(async () => {
        const all = [...document.querySelectorAll('.picture img')];
        await Promise.all(all.map((image) => image.decode()));
        return all.map(({ naturalWidth }) => naturalWidth);
      });
    },
    screenshot: (path) => page.screenshot({ path, fullPage: true }),
    assertQuiet() {
      if (wrong.length > 0) throw new Error(wrong.join('; '));
    },
  };
}

/** The exact numbers and the words of every row, by chart and curve. */
export function tableValues() {
  const rows = {};
  for (const row of document.querySelectorAll('.chart tbody tr')) {
    const chart = row.closest('.chart').id.replace('chart-', '');
    const cells = [...row.querySelectorAll('td')];
    rows[`${chart} ${row.querySelector('th').textContent}`] = {
      values: cells.map(({ dataset }) => Number(dataset.value)),
      texts: cells.map((cell) => cell.firstChild.textContent),
    };
  }
  return rows;
}

/** What can be used or seen and has no name. */
export function nameless() {
  return [
    ...document.querySelectorAll('a, button, input, select, summary, img, [role="img"], [role="region"]'),
  ]
    .filter((element) => {
      const label =
        element.getAttribute('aria-label') ?? element.getAttribute('alt') ?? element.labels?.[0]?.textContent;
      const inside = element.textContent || element.querySelector('img')?.getAttribute('alt');
      return ((label || inside) ?? '').trim() === '';
    })
    .map(({ outerHTML }) => outerHTML.slice(0, 80));
}

/** 1 for h1 and so on, in their order. */
export function headingLevels() {
  return [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(({ tagName }) => Number(tagName[1]));
}

/** Contrast of the theme's colours with what is behind them, and what WCAG 2.2 AA asks for. */
export function contrasts(theme) {
  const root = document.documentElement;
  const before = root.dataset.theme;
  root.dataset.theme = theme;
  const color = (name) => {
    const canvas = document.createElement('canvas').getContext('2d');
    canvas.fillStyle = getComputedStyle(root).getPropertyValue(`--${name}`);
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (name) => {
    const [r, g, b] = color(name).map((byte) => {
      const value = byte / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = ['text', 'muted', 'accent', 'error', 'warning'].flatMap((name) => [
    [name, 'card'],
    [name, 'paper'],
  ]);
  const badges = ['error', 'warning', 'note', 'good'].map((name) => [name, `${name}-soft`]);
  const curves = Array.from({ length: 8 }, (_, i) => [`curve-${i}`, 'card']);
  const result = [
    ...[...texts, ...badges].map(([a, b]) => ({
      name: `${a} on ${b}`,
      contrast: contrast(a, b),
      atLeast: 4.5,
    })),
    ...curves.map(([a, b]) => ({ name: `${a} on ${b}`, contrast: contrast(a, b), atLeast: 3 })),
  ];
  root.dataset.theme = before;
  return result;
}
