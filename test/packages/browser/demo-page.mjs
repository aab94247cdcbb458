/** The page as a person has it: what can be clicked and what can be seen. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs in the page before its own scripts: listens to the worker beside the page, and to long tasks. */
function overhear() {
  const heard = [];
  const tasks = [];
  Object.assign(globalThis, { heard, tasks });
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe(
    {
      type: 'longtask',
      buffered: true,
    },
  );
  globalThis.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (data.kind === 'stepped') heard.push(structuredClone(data.report));
      });
    }
  };
}

/** Opens the page in a tab of its own. */
export async function openDemo(browser, { url, downloads, width = 1280, height = 900 }) {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  const wrong = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') wrong.push(message.text());
  });
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('requestfailed', (request) => wrong.push(`${request.url()} ${request.failure()?.errorText}`));
  await page.evaluateOnNewDocument(overhear);
  if (downloads) {
    const client = await page.createCDPSession();
    await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  }
  await page.goto(url);

  const text = (selector) => page.$eval(selector, (element) => element.textContent);
  const until = (condition, argument, timeout = 120_000) =>
    page.waitForFunction(condition, { polling: 50, timeout }, argument);
  const idle = () => until(() => document.body.dataset.mode === 'paused');
  const steps = async () => Number((await text('#step-count')).replace('Step ', ''));

  return {
    page,
    /** Errors and warnings so far. */
    wrong,
    text,
    until,
    idle,
    steps,
    click: (selector) => page.$eval(selector, (element) => element.click()),
    /** Waits for the first group; throws in the page's own words if it does not come. */
    async started(timeout) {
      await until(
        () =>
          document.querySelector('.card canvas') || document.querySelector('#engine[data-state="failed"]'),
        undefined,
        timeout,
      );
      if (!(await page.$('.card canvas'))) throw new Error(await text('#alerts'));
      await idle();
    },
    /** Presses "One step" so often, and waits for each. */
    async step(times, timeout) {
      for (let i = 0; i < times; i++) {
        const before = await steps();
        await page.$eval('#step', (button) => button.click());
        await until(
          (n) => document.querySelector('#step-count').textContent === `Step ${n}`,
          before + 1,
          timeout,
        );
        await idle();
      }
    },
    /** The reports of all steps so far. */
    reports: () =>
      page.evaluate(() =>
        globalThis.heard.map(({ group, ...report }) => ({
          ...report,
          tries: group.tries.map(({ plan, total, advantage, rewards }) => ({
            plan,
            total,
            advantage,
            rewards,
          })),
        })),
      ),
    longTasks: () => page.evaluate(() => globalThis.tasks),
    /** What the pictures show, as one hash each. */
    async pictures() {
      const pixels = await page.$$eval('.card canvas', (all) => all.map((canvas) => canvas.toDataURL()));
      return pixels.map((text) => createHash('sha256').update(text).digest('hex').slice(0, 12));
    },
    /** The words and numbers of the cards, the probability of each word among them. */
    cards: () => page.$eval('#cards', ({ innerHTML }) => innerHTML),
    /** Types a prompt and draws it. */
    async ask(prompt) {
      await page.$eval(
        '#prompt',
        (input, value) => {
          input.value = value;
          input.form.requestSubmit();
        },
        prompt,
      );
      await page
        .waitForFunction(() => document.body.dataset.mode !== 'paused', { timeout: 2000, polling: 5 })
        .catch(() => {});
      await idle();
    },
    /** Bytes in use by scripts in the training worker, after a collection. */
    async workerHeap() {
      const worker = page.workers().find((one) => one.url().includes('/worker-'));
      await worker.client.send('HeapProfiler.enable');
      await worker.client.send('HeapProfiler.collectGarbage');
      return (await worker.client.send('Runtime.getHeapUsage')).usedSize;
    },
    /** Presses "Download weights" and reads the file. */
    async download() {
      await page.$eval('#save', (button) => button.click());
      const name = `bicot-emoji-step-${await steps()}.safetensors`;
      const file = join(downloads, name);
      for (let i = 0; i < 200 && !existsSync(file); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      return { file, bytes: readFileSync(file) };
    },
    /** Gives "Load weights…" a file, and waits for what the page says to it. */
    async upload(file) {
      await page.$eval('#alerts', (alerts) => alerts.replaceChildren());
      await (await page.$('#load-file')).uploadFile(file);
      await until(() => document.querySelector('#alerts').textContent !== '');
      await idle();
      return text('#alerts');
    },
  };
}
