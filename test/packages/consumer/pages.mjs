/** The package in pages: one that Vite builds, and one without a bundler. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from '../browser/serve.mjs';
import { command, expect } from '../tell.mjs';

const chromium = process.env.BICOT_CHROMIUM ?? '/usr/bin/chromium';
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** @param project a folder into which the package and Vite were installed */
export async function checkPages(project, { check, say }) {
  await check('Vite builds a page', async () => {
    cpSync(here('vite'), join(project, 'vite'), { recursive: true });
    cpSync(here('page/train-here.js'), join(project, 'vite/train-here.js'));
    command(project, 'node_modules/.bin/vite', [
      'build',
      'vite',
      '--base=./',
      '--target=es2022',
      '--logLevel=error',
    ]);
    const files = readdirSync(join(project, 'vite/dist/assets'));
    expect(
      files.filter((file) => file.startsWith('install-')).length >= 2,
      `the kernels of wasm and WebGPU are not files of their own: ${files.join(' ')}`,
    );
  });
  if (!existsSync(chromium)) {
    say('skip', `pages: ${chromium} is missing; apt-get install chromium, or name one in BICOT_CHROMIUM`);
    return;
  }
  await check('trains in the page that Vite built', () => opened(join(project, 'vite/dist')));
  cpSync(here('page'), join(project, 'page'), { recursive: true });
  cpSync(here('page/index.html'), join(project, 'index.html'));
  await check('trains in a page of <script type="module"> alone', () => opened(project));
}

/** Opens a folder's page in Chromium and waits for what it says. */
async function opened(folder) {
  const site = await serve(folder, false);
  const profile = mkdtempSync(join(tmpdir(), 'bicot-chromium-'));
  const browser = spawn(
    chromium,
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr'],
      ...[`--user-data-dir=${profile}`, site.url],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  );
  try {
    return await new Promise((resolve, reject) => {
      let said = '';
      const timer = setTimeout(
        () => reject(new Error(`it said nothing in 60 s: ${said.slice(-2000)}`)),
        60_000,
      );
      browser.on('exit', () => reject(new Error(`Chromium ended: ${said.slice(-2000)}`)));
      browser.stderr.setEncoding('utf8').on('data', (text) => {
        said += text;
        const line = said.match(/"bicot: (done|failed), ([^\n]*)"/);
        const wrong = said.match(/"Uncaught [^\n]*/);
        if (!line && !wrong) return;
        clearTimeout(timer);
        if (line?.[1] === 'done') resolve(line[2]);
        else reject(new Error(line?.[2] ?? wrong[0]));
      });
    });
  } finally {
    browser.removeAllListeners('exit');
    const gone = new Promise((resolve) => browser.on('exit', resolve));
    process.kill(-browser.pid);
    await gone;
    site.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
