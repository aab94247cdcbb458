/**
 * Opens reports of runs in headless Chromium, from the disk and from `bicot watch`:
 *
 *     npm run build && node test/packages/report/run.mjs             # what is built
 *     node test/packages/report/run.mjs bicot-0.1.0.tgz              # what is packed
 *     node test/packages/report/run.mjs --screenshots FOLDER         # and keeps pictures of the pages
 *
 * The root must be installed; the driver is that of test/packages/browser, which is installed here. Chromium is
 * /usr/bin/chromium, or what BICOT_CHROMIUM names. Prints one `ok`, `not ok` or `skip` line per check; exits with 1 if one
 * failed.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { demoStep, HOSTILE, random, writeDemoRun } from '../../support/demo-run.mjs';
import { expect, command as run, teller } from '../tell.mjs';
import { close, curvesOf, NAMES } from './curves.mjs';
import { keyboardWalk } from './keyboard.mjs';
import { contrasts, headingLevels, nameless, openPage, tableValues } from './page.mjs';

const { values: flags, positionals } = parseArgs({
  options: { screenshots: { type: 'string' } },
  allowPositionals: true,
});
const repository = fileURLToPath(new URL('../../..', import.meta.url));
const chromium = process.env.BICOT_CHROMIUM ?? '/usr/bin/chromium';
const scratch = mkdtempSync(join(tmpdir(), 'bicot-report-'));
const screenshots = flags.screenshots ? resolve(flags.screenshots) : join(scratch, 'screenshots');
const MOST_BYTES = 5e6;
const MOST_SECONDS = 3;
const { check, failed, say } = teller('report');

if (!existsSync(chromium)) {
  say('skip', `everything: ${chromium} is missing; apt-get install chromium, or name one in BICOT_CHROMIUM`);
  process.exit(0);
}
const driver = join(repository, 'test/packages/browser');
const installed = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: driver, encoding: 'utf8' });
if (installed.status !== 0)
  throw new Error(`npm ci in ${driver} gave ${installed.status}: ${installed.stderr}`);
const { default: puppeteer } = await import(
  pathToFileURL(createRequire(join(driver, 'package.json')).resolve('puppeteer-core')).href
);

const bicot = unpacked(positionals[0]);
mkdirSync(screenshots, { recursive: true });
const at = (...path) => join(scratch, ...path);
const onDisk = (path) => pathToFileURL(at(path)).href;
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox'] });
const open = (url, more) => openPage(browser, { url, ...more });
try {
  const records = writeDemoRun(at('runs/demo'), { size: 96 });
  writeDemoRun(at('runs/other'), { steps: 200, seed: 2 });
  await ofOneRun(records);
  await ofSeveral();
  await ofALongRun();
  await whileItGoesOn();
} catch (error) {
  say('not ok', 'the run', error instanceof Error ? error.stack : String(error));
} finally {
  await browser.close();
  if (!flags.screenshots) rmSync(scratch, { recursive: true, force: true });
}
process.exit(failed() === 0 ? 0 : 1);

/** The folder of the package: the repository's, once built, or what a tarball holds beside the repository's modules. */
function unpacked(tarball) {
  if (!tarball) {
    if (!existsSync(join(repository, 'dist/cli.js')))
      throw new Error('there is no dist/: npm run build, or name a tarball');
    return repository;
  }
  const { status, stderr } = spawnSync('tar', ['-xzf', resolve(tarball), '-C', scratch], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  symlinkSync(join(repository, 'node_modules'), join(scratch, 'package/node_modules'));
  return join(scratch, 'package');
}

function command(...args) {
  return run(at('runs'), process.execPath, [join(bicot, 'dist/cli.js'), ...args]);
}

async function ofOneRun(records) {
  await check('is written by the command, and by both builds of the library', () => {
    command('report', 'demo', '--json', at('summary.json'));
    const [{ headline }] = JSON.parse(readFileSync(at('summary.json'), 'utf8')).runs;
    expect(headline.done === 120 && headline.total === 200, JSON.stringify(headline));
    expect(
      'uplot' in createRequire(join(bicot, 'package.json'))('./package.json').dependencies,
      'uplot is no dependency',
    );
    for (const [kind, code] of [
      ['cjs', "require('./dist/node.cjs').writeReport(process.argv[1])"],
      ['module', "import { writeReport } from './dist/node.js'; await writeReport(process.argv[1])"],
    ]) {
      const type = kind === 'module' ? ['--input-type=module'] : [];
      const { status, stderr } = spawnSync(process.execPath, [...type, '-e', code, at('runs/demo')], {
        cwd: bicot,
        encoding: 'utf8',
      });
      expect(status === 0, `${kind}: ${stderr}`);
    }
  });
  for (const [width, scheme] of [
    [320, 'light'],
    [320, 'dark'],
    [768, 'light'],
    [1600, 'light'],
    [1600, 'dark'],
    [3840, 'dark'],
  ]) {
    await check(`opens from the disk, ${width} pixels wide, ${scheme}`, async () => {
      const tab = await open(onDisk('runs/demo/report.html'), { width, scheme });
      const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      expect(wide <= width, `it is ${wide} pixels wide`);
      const drawn = await tab.page.$$eval(
        '.plot canvas',
        (all) => all.filter((canvas) => canvas.width > 0).length,
      );
      expect(drawn === 15, `${drawn} charts are drawn`);
      const pictures = await tab.pictures();
      expect(
        pictures.length === 4 * 6 + 8 && pictures.every((size) => size > 0),
        `pictures: ${pictures.join()}`,
      );
      await tab.screenshot(join(screenshots, `${width}-${scheme}.png`));
      tab.assertQuiet();
      await tab.page.close();
    });
  }
  const tab = await open(onDisk('runs/demo/report.html'), { width: 1280 });
  await check('tells the numbers of metrics.jsonl exactly', async () => {
    const shown = await tab.page.evaluate(tableValues);
    let compared = 0;
    for (const [chart, curve, value] of curvesOf(records)) {
      const values = records.map(value);
      const row = shown[`${chart} ${curve}`];
      expect(row, `no row for ${chart} ${curve}`);
      const wanted = [values[0], values.at(-1), Math.min(...values), Math.max(...values)];
      expect(
        JSON.stringify(row.values) === JSON.stringify(wanted),
        `${chart} ${curve}: ${row.values}, not ${wanted}`,
      );
      expect(
        row.texts.every((text, i) => close(text, wanted[i])),
        `${chart} ${curve}: ${row.texts}, not ${wanted}`,
      );
      compared += 4;
    }
    return `${compared} numbers`;
  });
  await check('says first what matters', async () => {
    const cards = await tab.text('#glance');
    for (const words of ['120 of 200', 'Running', 'left', '1 error', 'kl-explosion', 'judge']) {
      expect(cards.includes(words), `no ${words}: ${cards}`);
    }
  });
  await check('shows hostile words as words', async () => {
    expect((await tab.text('#pictures')).includes(HOSTILE), 'the prompt is not there');
    expect((await tab.text('#settings')).includes(HOSTILE), 'the setting is not there');
    const harmed = await tab.page.evaluate(
      () => 'hacked' in globalThis || document.querySelector('img[src="x"]') !== null,
    );
    expect(!harmed, 'they became markup');
  });
  await check('everything has a name, headings go down one by one, and there are landmarks', async () => {
    const without = await tab.page.evaluate(nameless);
    expect(without.length === 0, without.join('; '));
    const levels = await tab.page.evaluate(headingLevels);
    expect(
      levels[0] === 1 && levels.every((level, i) => i === 0 || level <= levels[i - 1] + 1),
      levels.join(),
    );
    for (const landmark of ['header', 'nav[aria-label]', 'main', 'footer', 'section[aria-labelledby]']) {
      expect(await tab.page.$(landmark), `no ${landmark}`);
    }
    const ids = await tab.page.$$eval('[id]', (all) => all.map(({ id }) => id));
    expect(new Set(ids).size === ids.length, 'an id is there twice');
  });
  await check('is used with the keyboard alone', async () => keyboardWalk(tab));
  await check('has colours that can be told apart from what is behind them', async () => {
    let least = Number.POSITIVE_INFINITY;
    for (const theme of ['light', 'dark']) {
      for (const { name, contrast, atLeast } of await tab.page.evaluate(contrasts, theme)) {
        expect(contrast >= atLeast, `${name} in ${theme}: ${contrast.toFixed(2)}, not ${atLeast}`);
        least = Math.min(least, contrast / atLeast);
      }
    }
    return `the least is ${least.toFixed(2)} times what is asked for`;
  });
  await check('does not glide where motion is unwanted', async () => {
    const behavior = () => tab.page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior);
    await tab.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    expect((await behavior()) === 'auto', await behavior());
  });
  await check('no error and no warning was printed', () => tab.assertQuiet());
  await check('runs no script but its own', async () => {
    const ran = await tab.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.intruded = true';
      document.body.append(script);
      return 'intruded' in globalThis;
    });
    expect(!ran, 'a foreign script ran');
  });
  await tab.page.close();

  await check('loads itself again when the file was written anew, and when it is told to', async () => {
    writeDemoRun(at('runs/going'), { steps: 10, everyPictures: 0 });
    command('report', 'going', '--reload', '1');
    const again = await open(onDisk('runs/going/report.html'), { width: 800 });
    writeDemoRun(at('runs/going'), { steps: 11, everyPictures: 0 });
    command('report', 'going', '--reload', '1');
    await again.until(() => document.querySelector('.big')?.textContent === '11 of 200');
    await again.page.$eval('#auto-reload', (box) => box.click());
    writeDemoRun(at('runs/going'), { steps: 12, everyPictures: 0 });
    command('report', 'going', '--reload', '1');
    await new Promise((done) => setTimeout(done, 2500));
    expect((await again.text('.big')) === '11 of 200', 'it did so though it was told not to');
    await Promise.all([
      again.page.waitForNavigation(),
      again.page.$eval('#reload', (button) => button.click()),
    ]);
    expect((await again.text('.big')) === '12 of 200', await again.text('.big'));
    again.assertQuiet();
    await again.page.close();
  });
}

async function ofSeveral() {
  await check('lays two runs over each other', async () => {
    command('report', 'demo', 'other', '--out', at('both.html'), '--title', 'Two runs');
    const tab = await open(onDisk('both.html'), { width: 1600, scheme: 'light' });
    const keys = await tab.page.$$eval('#chart-total .key', (all) =>
      all.map((key) => key.children[1].textContent),
    );
    expect(keys.join() === 'demo,other', keys.join());
    const rows = await tab.page.$$eval('#glance tbody tr', (all) => all.map((row) => row.textContent));
    expect(
      rows.length === 2 && rows[1].includes('200 of 200') && rows[1].includes('Finished'),
      rows.join('; '),
    );
    const differs = await tab.page.$$eval('.differs th', (all) =>
      all.map((cell) => cell.firstChild.textContent),
    );
    expect(differs.join() === 'seed,learningRate', differs.join());
    await tab.screenshot(join(screenshots, 'both.png'));
    await tab.page.setViewport({ width: 320, height: 800 });
    const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide <= 320, `it is ${wide} pixels wide`);
    tab.assertQuiet();
    await tab.page.close();
  });
}

async function ofALongRun() {
  await check(
    `10,000 steps open within ${MOST_SECONDS} s and are smaller than ${MOST_BYTES / 1e6} MB`,
    async () => {
      const rewards = ['objects', 'colours', 'counting', 'spatial', 'aesthetic', 'text'];
      const more = { seed: 3, everyPictures: 250, size: 128, groupSize: 8, rewards };
      writeDemoRun(at('runs/long'), { steps: 10_000, total: 10_000, ...more });
      command('report', 'long');
      const { size } = statSync(at('runs/long/report.html'));
      expect(size < MOST_BYTES, `${size} bytes`);
      const tab = await open(onDisk('runs/long/report.html'), { width: 1600 });
      const seconds = tab.seconds;
      expect(seconds < MOST_SECONDS, `${seconds} s`);
      await tab.screenshot(join(screenshots, 'long.png'));
      tab.assertQuiet();
      await tab.page.close();
      return `${(size / 1e6).toFixed(2)} MB, ${seconds.toFixed(2)} s`;
    },
  );
}

async function whileItGoesOn() {
  const folder = at('runs/live');
  writeDemoRun(folder, { steps: 50, everyPictures: 25 });
  const watch = spawn(process.execPath, [join(bicot, 'dist/cli.js'), 'watch', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done) => watch.once('exit', (code) => done(code)));
  const url = await new Promise((done) => {
    let printed = '';
    watch.stdout.on('data', (piece) => {
      printed += piece;
      const [found] = /http:\/\/127\.0\.0\.1:\d+\//.exec(printed) ?? [];
      if (found) done(found);
    });
  });
  const tab = await open(url, { width: 1280 });
  await check('bicot watch shows a run', async () => {
    expect((await tab.text('.big')) === '50 of 200', await tab.text('.big'));
    await tab.page.evaluate(() => document.querySelector('#pictures').scrollIntoView());
    await tab.until(() => document.querySelector('.picture img')?.naturalWidth > 0);
    return url;
  });
  await check('follows it without being loaded again, and leaves alone what is in use', async () => {
    await tab.page.evaluate(() => {
      globalThis.same = true;
      document.querySelector('#chart-kl details').open = true;
    });
    await tab.page.focus('#chart-kl .plot');
    const next = random(9);
    const records = [50, 51, 52].map((step) => demoStep(step, step / 200, next, NAMES));
    appendFileSync(
      join(folder, 'metrics.jsonl'),
      records.map((record) => `${JSON.stringify(record)}\n`).join(''),
    );
    appendFileSync(join(folder, 'metrics.jsonl'), '{"step":53,"rew');
    await tab.until(() => document.querySelector('.big').textContent === '53 of 200');
    const shown = await tab.page.evaluate(tableValues);
    const { values } = shown['kl token'];
    expect(values[1] === records[2].levels.token.kl, `${values[1]}, not ${records[2].levels.token.kl}`);
    const kept = await tab.page.evaluate(
      () =>
        globalThis.same &&
        document.querySelector('#chart-kl details').open &&
        document.activeElement.closest('#chart-kl') !== null,
    );
    expect(kept, 'it was made anew');
  });
  await check('shows pictures that come, and a run that began anew', async () => {
    writeDemoRun(folder, { steps: 80, everyPictures: 25, seed: 4 });
    await tab.until(() => document.querySelector('.big').textContent === '80 of 200');
    await tab.until(() => document.querySelector('.strip li:nth-child(4) img')?.naturalWidth > 0);
    expect(await tab.page.evaluate(() => globalThis.same), 'the page was loaded again');
  });
  await check('no error and no warning was printed while it was watched', () => tab.assertQuiet());
  await check('ends when it is interrupted, and the page says so', async () => {
    watch.kill('SIGINT');
    expect((await ended) === 0, `exit status ${await ended}`);
    await tab.until(() => document.querySelector('#news').textContent.startsWith('Connection lost'));
  });
  await tab.page.close();
}
