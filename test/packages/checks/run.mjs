/**
 * What must hold of the code, its documentation and the package, in under five minutes:
 *
 *     npm run check                       all of it: types, lint, build, docs, exports, API report, sizes, who imports whom
 *     node test/packages/checks/run.mjs --built --tarball bicot-0.1.0.tgz package
 *                                         what a clean checkout's CI has not done already, of a package that is there
 *
 * Prints one `ok` or `not ok` line per check, with its seconds; exits with 1 if one failed.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command, expect, teller } from '../tell.mjs';
import { root } from './package.mjs';

const { values, positionals } = parseArgs({
  options: { built: { type: 'boolean' }, tarball: { type: 'string' } },
  allowPositionals: true,
});
const wants = (part) => positionals.length === 0 || positionals.includes(part);
const tell = teller('check');
const bin = (name) => join(root, 'test/packages/checks/node_modules/.bin', name);
const scratch = mkdtempSync(join(tmpdir(), 'bicot-check-'));

/** Runs a check and says how long it took. */
async function timed(name, run) {
  const start = performance.now();
  return tell.check(name, async () => {
    const more = await run();
    const seconds = `${((performance.now() - start) / 1000).toFixed(0)} s`;
    return more ? `${more}, ${seconds}` : seconds;
  });
}
const npm = (...args) => command(root, 'npm', ['run', '--silent', ...args]);
const script = (name, ...args) => command(root, 'node', [join('test/packages/checks', name), ...args]);
/** The lines of a script that tells of checks itself, without their words. */
const count = (printed) => `${printed.match(/^ok /gm)?.length ?? 0} checks`;

/** Under 8 MB, with the demo's weights and everything that package.json names, and neither sources nor tests. */
function examine(tarball) {
  const bytes = statSync(tarball).size;
  expect(bytes < 8e6, `${(bytes / 1e6).toFixed(1)} MB, which is more than 8`);
  const files = command(root, 'tar', ['tzf', tarball]).trim().split('\n');
  const missing = [
    ...['LICENSE', 'README.md', 'dist/cli.js', 'dist/bicot.min.js', 'dist/demo/base/model.safetensors'],
  ].filter((file) => !files.includes(`package/${file}`));
  expect(missing.length === 0, `without ${missing.join(', ')}`);
  const strange = files.filter(
    (file) => !/^package\/(dist\/|LICENSE$|README\.md$|package\.json$)/.test(file),
  );
  expect(strange.length === 0, `with ${strange.join(', ')}`);
  return `${(bytes / 1e6).toFixed(1)} of 8 MB, ${files.length} files`;
}

function pack() {
  command(root, 'npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', scratch]);
  return join(
    scratch,
    readdirSync(scratch).find((file) => file.endsWith('.tgz')),
  );
}

try {
  if (wants('code')) {
    await timed('types', () => void npm('typecheck'));
    await timed('lint', () => void npm('lint'));
  }
  if (!values.built) await timed('build', () => void npm('build'));
  if (!existsSync(bin('publint'))) {
    await timed('checkers are installed', () => {
      command(root, 'npm', ['ci', '--prefix', 'test/packages/checks', '--no-audit', '--no-fund']);
    });
  }
  if (wants('docs')) await timed('docs', () => void npm('docs'));
  if (wants('code')) {
    await timed('exports, who imports whom, documented defaults, what the compiler says', () => {
      const tests = ['test/package-exports.test.ts', 'test/browser-bundle.test.ts', 'test/types'];
      const [, passed] =
        command(root, 'npx', ['vitest', 'run', ...tests]).match(/Tests .*?(\d+) passed/) ?? [];
      return `${passed} tests`;
    });
  }
  if (wants('package')) {
    const tarball = values.tarball ? resolve(values.tarball) : pack();
    await timed('the tarball', () => examine(tarball));
    await timed('publint', () => void command(root, bin('publint'), ['run', tarball, '--strict']));
    await timed('are the types wrong?', () => void command(root, bin('attw'), [tarball]));
    await timed('API report', () => count(script('api.mjs')));
    await timed('no any in the public types', () => void script('no-any.mjs'));
    await timed('sizes', () => count(script('size.mjs')));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(tell.failed() === 0 ? 0 : 1);
