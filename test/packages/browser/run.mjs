/**
 * Builds the browser demo and drives it in headless Chromium:
 *
 *     node test/packages/browser/run.mjs
 *
 * Installs Vite and the driver beside their files; the root must be installed already. Chromium is /usr/bin/chromium, or
 * what BICOT_CHROMIUM names. Prints one `ok`, `not ok` or `skip` line per check; exits with 1 if one failed.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, expect, teller } from '../tell.mjs';
import { checkpointsInPage } from './checkpoints-page.mjs';
import { readSafetensors } from './safetensors.mjs';
import { serve } from './serve.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const demo = join(repository, 'examples/browser');
const chromium = process.env.BICOT_CHROMIUM ?? '/usr/bin/chromium';
const scratch = mkdtempSync(join(tmpdir(), 'bicot-browser-'));

/** Small steps: eight pictures each. */
const SMALL = 'groupSize=4&otherPrompts=1';
/** A task of the main thread that takes longer is felt. */
const LONGEST_TASK_MS = 200;
const PARAMETERS = 984_064;

const { check, failed, say } = teller('browser');

/** What must be the same, whatever computed it and how long it took. */
const lasting = (reports) =>
  JSON.stringify(reports.map(({ seconds, tokensPerSecond, memory, ...report }) => report));

if (!existsSync(chromium)) {
  say('skip', `everything: ${chromium} is missing; apt-get install chromium, or name one in BICOT_CHROMIUM`);
  process.exit(0);
}
for (const folder of [here, demo]) command(folder, 'npm', ['ci', '--no-audit', '--no-fund']);
const dist = join(scratch, 'dist');
await check('its types hold', () => {
  command(repository, process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'examples/browser']);
});
await check('the page builds', () => {
  command(demo, process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--outDir', dist]);
});
if (failed() > 0) process.exit(1);

const { default: puppeteer } = await import('puppeteer-core');
const { openDemo } = await import('./demo-page.mjs');
const launch = (...args) =>
  puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', ...args], protocolTimeout: 300_000 });
const plain = await serve(dist, false);
const isolated = await serve(dist, true);
let browser = await launch();

try {
  await onWasm();
  await inWorkers();
  await ofWhatIsWrong();
  await browser.close();
  browser = await launch(
    ...['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'],
  );
  await check('a run is saved in IndexedDB and goes on bit for bit', () =>
    checkpointsInPage(browser, plain.url, expect),
  );
  await onWebGpu();
} catch (error) {
  say('not ok', 'the run', error instanceof Error ? error.stack : String(error));
} finally {
  await browser.close();
  plain.close();
  isolated.close();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed() === 0 ? 0 : 1);

/** Training, from the first picture to the thirtieth step, in one worker. */
async function onWasm() {
  const tab = await openDemo(browser, { url: `${plain.url}?engine=wasm&${SMALL}`, downloads: scratch });
  await check('starts on wasm with fused kernels and draws a group', async () => {
    await tab.started();
    const engine = await tab.text('#engine-text');
    expect(engine === 'WebAssembly with SIMD, fused kernels', engine);
    expect((await tab.pictures()).length === 4, 'there are no four pictures');
  });
  const drawn = await tab.pictures();
  let trained;
  await check('trains 3 steps without an error, and the pictures change', async () => {
    await tab.step(3);
    expect(tab.wrong.length === 0, tab.wrong.join('; '));
    const now = await tab.pictures();
    expect(
      now.some((picture, i) => picture !== drawn[i]),
      'the pictures are the same',
    );
    const reports = await tab.reports();
    expect(reports.length === 3, `${reports.length} steps were told`);
    for (const { loss, gradNorm, reward, levels } of reports) {
      expect(
        [loss, gradNorm, reward, levels.plan.kl, levels.picture.kl].every(Number.isFinite),
        'not finite',
      );
      expect(levels.plan.maxRatioDeviation < 1e-3, 'what is trained is not what was sampled');
    }
    const points = await tab.page.$$eval('.chart .dots', (dots) =>
      dots.map((d) => d.getAttribute('d').split('M').length - 1),
    );
    expect(points.join() === '3,3,3,3', `the charts have ${points} points`);
  });
  await check('weights download as safetensors', async () => {
    trained = await tab.download();
    const { metadata, values } = readSafetensors(trained.bytes);
    expect(values === PARAMETERS, `${values} values`);
    expect(metadata.steps === '3', JSON.stringify(metadata));
    return `${trained.bytes.length} bytes`;
  });
  await check('weights load back and draw the same', async () => {
    await tab.ask('a cat above a dog');
    const before = await tab.pictures();
    const cards = await tab.cards();
    await tab.click('#reset');
    await tab.until(() => document.querySelector('#step-count').textContent === 'Step 0');
    await tab.idle();
    expect((await tab.cards()) !== cards, 'the base is as sure of its plans as the trained model');
    expect((await tab.upload(trained.file)).includes('Loaded'), await tab.text('#alerts'));
    expect((await tab.pictures()).join() === before.join(), 'the pictures are others');
    expect((await tab.cards()) === cards, 'the probabilities are others');
    const again = await tab.download();
    const data = (bytes) => bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
    expect(data(again.bytes).equals(data(trained.bytes)), 'the weights are others');
  });
  await check('a damaged file is refused in words, and nothing changes', async () => {
    const before = await tab.pictures();
    const file = join(scratch, 'damaged.safetensors');
    writeFileSync(file, trained.bytes.subarray(0, 5000));
    const words = await tab.upload(file);
    expect(/damaged\.safetensors.*truncated/.test(words), words);
    expect((await tab.pictures()).join() === before.join(), 'the pictures are others');
  });
  await check('pauses and resumes', async () => {
    await tab.click('#run');
    await tab.until(() => document.querySelector('#step-count').textContent === 'Step 2');
    await tab.click('#run');
    await tab.idle();
    const paused = await tab.steps();
    const told = (await tab.reports()).length;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect((await tab.steps()) === paused && (await tab.reports()).length === told, 'it went on');
    await tab.click('#run');
    await tab.until((n) => Number(document.querySelector('#step-count').textContent.slice(5)) > n, paused);
    return `paused at step ${paused}`;
  });
  await check('memory is flat from step 5 to 30', async () => {
    const reach = (n) =>
      tab.until((to) => Number(document.querySelector('#step-count').textContent.slice(5)) >= to, n);
    await reach(6);
    const early = await tab.workerHeap();
    await reach(30);
    const late = await tab.workerHeap();
    await tab.click('#run');
    await tab.idle();
    const { memory } = (await tab.reports()).find(({ step }, i, all) => step === 5 && i > all.length - 40);
    const after = (await tab.reports()).filter(({ step }) => step >= 5).map((report) => report.memory);
    for (const { tensors, bytes } of after) {
      expect(
        tensors === memory.tensors && bytes === memory.bytes,
        `${tensors} tensors of ${bytes} bytes, not ${JSON.stringify(memory)}`,
      );
    }
    expect(late < 1.3 * early, `scripts hold ${late} bytes, and held ${early}`);
    return `${memory.tensors} tensors, ${memory.bytes} bytes; scripts ${(early / 2 ** 20).toFixed(1)} and ${(late / 2 ** 20).toFixed(1)} MB`;
  });
  await check('explains itself, with the numbers of now', async () => {
    await tab.click('#guide-close');
    await tab.click('#guide-open');
    const told = [];
    for (let i = 0; i < 8; i++) {
      told.push(await tab.text('#guide'));
      expect(await tab.page.$('.pointed'), `nothing is pointed at on page ${i + 1}`);
      if (i < 7) await tab.click('#guide-next');
    }
    expect(new Set(told).size === 8, 'two pages are the same');
    const step = await tab.steps();
    expect(told[5].includes(`Step ${step}:`), told[5]);
    expect(told[6].includes(`Step ${step}: KL`), told[6]);
    await tab.page.keyboard.press('Escape');
    expect(await tab.page.$eval('#guide', ({ hidden }) => hidden), 'Escape does not close it');
  });
  await check('the explanation computes what it shows', async () => {
    // With a learning rate of 0 the group stays as mixed as the base draws it.
    const mixed = await openDemo(browser, { url: `${plain.url}?engine=wasm&groupSize=8&learningRate=0` });
    await mixed.started();
    for (let i = 0; i < 4; i++) await mixed.click('#guide-next');
    const words = await mixed.text('#guide');
    const pattern = /\(([\d.]+) − ([\d.]+)\) \/ \(([\d.]+) \+ 0\.0001\) = ([+−\d.]+)/;
    const [, total, mean, std, shown] = words.match(pattern) ?? [];
    expect(shown !== undefined, words);
    const advantage = (total - mean) / (Number(std) + 1e-4);
    expect(
      Math.abs(advantage - Number(shown.replace('−', '-').replace(/\.$/, ''))) < 0.03,
      `${shown} is ${advantage}`,
    );
    await mixed.page.close();
    return `${total} − ${mean} over ${std} is ${shown}`;
  });
  await check('advantages compare a try with its group', async () => {
    let compared = 0;
    for (const { tries } of await tab.reports()) {
      const totals = tries.map(({ total }) => total);
      const mean = totals.reduce((sum, total) => sum + total, 0) / totals.length;
      const std = Math.sqrt(
        totals.reduce((sum, total) => sum + (total - mean) ** 2, 0) / (totals.length - 1),
      );
      for (const { total, advantage } of tries) {
        expect(Math.abs((total - mean) / (std + 1e-4) - advantage) < 1e-4, JSON.stringify(tries));
        if (advantage !== 0) compared++;
      }
    }
    expect(compared >= 8, `only ${compared} tries have an advantage`);
    return `${compared} tries`;
  });
  await check('a prompt of other words is refused in words', async () => {
    await tab.ask('a unicorn on the moon');
    const note = await tab.text('#prompt-note');
    expect(/no word for “unicorn”, “moon”/.test(note), note);
    expect(
      await tab.page.$eval('#words', ({ open, textContent }) => open && textContent.includes('giraffe')),
      'no words are listed',
    );
    await tab.ask('a dog and a cat');
    expect((await tab.text('#prompt-note')) === '', 'the refusal stays');
    expect(
      (await tab.text('#group-note')).includes('a photo of a dog and a cat'),
      await tab.text('#group-note'),
    );
  });
  await check('everything that can be used has a name', async () => {
    const nameless = await tab.page.$$eval('button, input, select, summary, [role="img"]', (all) =>
      all
        .filter((element) => {
          const label =
            element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent;
          return label.trim() === '';
        })
        .map(({ outerHTML }) => outerHTML.slice(0, 80)),
    );
    expect(nameless.length === 0, nameless.join('; '));
  });
  await check('fits a narrow window', async () => {
    await tab.page.setViewport({ width: 360, height: 700 });
    const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    expect(width <= 360, `${width} pixels`);
  });
  await check(`no task of the main thread takes ${LONGEST_TASK_MS} ms`, async () => {
    const longest = Math.max(0, ...(await tab.longTasks()));
    expect(longest < LONGEST_TASK_MS, `${longest} ms`);
    return `the longest: ${longest === 0 ? 'under 50' : longest} ms`;
  });
  await check('no error and no warning was printed', () => {
    expect(tab.wrong.length === 0, tab.wrong.join('; '));
  });
  await tab.page.close();
}

/** bicot's worker pool in real Web Workers, with memory that is really shared. */
async function inWorkers() {
  const made = [];
  for (const workers of [0, 1, 2]) {
    const tab = await openDemo(browser, {
      url: `${isolated.url}?engine=wasm&${SMALL}&workers=${workers}`,
      downloads: join(scratch, String(workers)),
    });
    await check(`trains 3 steps with ${workers} Web Workers`, async () => {
      await tab.started();
      expect(await tab.page.evaluate(() => globalThis.crossOriginIsolated), 'memory is not shared');
      const pool = tab.page.workers().filter((worker) => worker.url().includes('pool-worker'));
      expect(pool.length === workers, `${pool.length} workers run`);
      await tab.step(3);
      const { bytes } = await tab.download();
      made.push({ reports: lasting(await tab.reports()), bytes });
      expect(tab.wrong.length === 0, tab.wrong.join('; '));
    });
    await tab.page.close();
  }
  await check('0, 1 and 2 Web Workers give the same bits', () => {
    expect(made.length === 3, 'not all of them ran');
    for (const { reports, bytes } of made) {
      expect(reports === made[0].reports, `${reports}\nis not\n${made[0].reports}`);
      expect(bytes.equals(made[0].bytes), 'the weights differ');
    }
    return 'metrics, plans, advantages and all weights after 3 steps';
  });
}

/** What cannot start says why. */
async function ofWhatIsWrong() {
  const fails = async (query, pattern) => {
    const tab = await openDemo(browser, { url: `${plain.url}?${query}` });
    await tab.until(() => document.querySelector('#alerts').textContent !== '');
    const words = await tab.text('#alerts');
    expect(pattern.test(words), words);
    await tab.page.close();
  };
  await check('an engine that there is not is refused in words', () =>
    fails('engine=abacus', /Unknown backend 'abacus'/),
  );
  await check('workers without shared memory are refused in words', () =>
    fails('engine=wasm&workers=2', /Cross-Origin-Opener-Policy/),
  );
  await check('a setting that makes no sense is refused in words', () =>
    fails('engine=wasm&groupSize=no', /groupSize.*NaN/),
  );
}

/** On a GPU in software: slow, so one small group. */
async function onWebGpu() {
  const name = 'trains a step on WebGPU';
  const tab = await openDemo(browser, {
    url: `${plain.url}?engine=webgpu&software=1&groupSize=2&otherPrompts=0`,
  });
  const adapter = await tab.page.evaluate(async () => {
    const found = await navigator.gpu?.requestAdapter();
    return found && `${found.info.vendor} ${found.info.architecture}`;
  });
  if (!adapter) {
    say('skip', `${name}: this Chromium gives no WebGPU adapter in software`);
    return;
  }
  await check(name, async () => {
    await tab.started(200_000);
    const before = await tab.pictures();
    await tab.step(1, 200_000);
    const [report] = await tab.reports();
    expect(before.length === 2 && (await tab.pictures()).length === 2, 'there are no two pictures');
    expect(report.levels.plan.maxRatioDeviation < 1e-2, JSON.stringify(report.levels));
    expect(Number.isFinite(report.loss) && Number.isFinite(report.gradNorm), JSON.stringify(report));
    expect(tab.wrong.length === 0, tab.wrong.join('; '));
    return `${adapter}, a step in ${report.seconds.toFixed(0)} s`;
  });
  const longest = Math.max(0, ...(await tab.longTasks()));
  await check('WebGPU leaves the main thread alone too', () =>
    expect(longest < LONGEST_TASK_MS, `${longest} ms`),
  );
  await tab.page.close();
}
