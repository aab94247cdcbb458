/**
 * Installs the packed library into otherwise empty projects and uses it as a stranger would:
 *
 *     node test/packages/consumer/run.mjs bicot-0.1.0.tgz                 everything
 *     node test/packages/consumer/run.mjs bicot-0.1.0.tgz readme pages    some of node, commands, types, pages, readme
 *
 * Nodes other than the one that runs it come from the npm registry. Prints one `ok`, `not ok` or `skip` line per check; exits
 * with 1 if one failed.
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command, expect, teller } from '../tell.mjs';
import { checkPages } from './pages.mjs';
import { checkReadme } from './readme.mjs';

const [given, ...asked] = process.argv.slice(2);
if (!given) throw new Error('usage: run.mjs <tarball of npm pack> [part ...]');
const tarball = resolve(given);
const wants = (part) => asked.length === 0 || asked.includes(part);
const NODES = [20, 22, 24];

const tell = teller('consumer');
const { check } = tell;
const project = mkdtempSync(join(tmpdir(), 'bicot-consumer-'));

const oneCopy = (printed) =>
  expect(!/already registered|Overwriting the platform/.test(printed), 'a second TensorFlow.js was loaded');
/** Runs in the project, with one copy of TensorFlow.js, and prints what is wanted. */
const prints = (wanted, name, ...args) => {
  const printed = command(project, name, args);
  oneCopy(printed);
  expect(wanted.test(printed), `it printed\n${printed}`);
};

/** Both module systems on every Node: the same step, alone and in workers. */
async function checkNodes() {
  for (const version of NODES) {
    const own = process.version.startsWith(`v${version}.`);
    const node = own ? ['node'] : ['npx', '--yes', '--package', `node@${version}`, 'node'];
    for (const [system, file] of [
      ['ESM', 'esm.mjs'],
      ['CJS', 'cjs.cjs'],
    ]) {
      const name = `Node ${version}: one GRPO step in ${system}, alone and in workers`;
      await check(name, () => oneCopy(command(project, node[0], [...node.slice(1), file])));
    }
  }
}

async function checkCommands() {
  const run = 'node_modules/.bin/bicot';
  await check('npx bicot --version', () => prints(/^\d+\.\d+\.\d+\s*$/, run, '--version'));
  await check('npx bicot demo --help', () => prints(/^usage: bicot demo/, run, 'demo', '--help'));
  await check('npx bicot train, a configuration in TypeScript', () =>
    prints(/step 4\/4/, run, 'train', 'run.config.ts', '--out', 'runs/1'),
  );
  await check('npx bicot eval, in pairs with the base', () =>
    prints(/evaluations\/step-4/, run, 'eval', 'runs/1', '--against', 'base', '--samples', '1'),
  );
  await check('npx bicot resume', () => prints(/./, run, 'resume', 'runs/1'));
  await check('npx bicot sample', () =>
    prints(/./, run, 'sample', 'runs/1', 'a red dog', '--n', '2', '--checkpoint', 'best'),
  );
  await check('npx bicot demo', () =>
    prints(
      /after +held-out judge/,
      ...[run, 'demo', '--steps', '1', '--eval-prompts', '4', '--backend', 'wasm'],
    ),
  );
}

/** Every entry point's types; `node10` with CommonJS is how tslab resolves. */
async function checkTypes() {
  for (const [module, resolution, file, what] of [
    ['node16', 'node16', 'types.mts', 'node16, ESM'],
    ['node16', 'node16', 'types.cts', 'node16, CJS'],
    ['esnext', 'bundler', 'types.ts', 'bundler'],
    ['commonjs', 'node10', 'types.ts', 'node10 and CommonJS, as tslab'],
  ]) {
    await check(`types: ${what}`, () => {
      command(project, 'node', [
        ...['node_modules/typescript/bin/tsc', '--noEmit', '--strict', '--target', 'es2022'],
        // TensorFlow.js 4.22's own declarations do not compile everywhere; bicot's are checked through their use.
        ...['--lib', 'es2022,dom', '--skipLibCheck', '--types', 'node'],
        ...['--module', module, '--moduleResolution', resolution, file],
      ]);
    });
  }
}

try {
  cpSync(fileURLToPath(new URL('project', import.meta.url)), project, { recursive: true });
  cpSync(join(project, 'types.mts'), join(project, 'types.cts'));
  cpSync(join(project, 'types.mts'), join(project, 'types.ts'));
  const installed = await check('installs', () => {
    command(project, 'npm', ['install', '--no-audit', '--no-fund', tarball]);
  });
  if (installed) {
    if (wants('node')) await checkNodes();
    if (wants('commands')) await checkCommands();
    if (wants('types')) await checkTypes();
    if (wants('pages')) await checkPages(project, tell);
    if (wants('readme')) await checkReadme(tarball, tell);
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
process.exit(tell.failed() === 0 ? 0 : 1);
