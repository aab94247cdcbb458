/** What git ignores is in no clone, though everything works where it was written. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

it('no source is ignored by git', (context) => {
  const folders = ['src', 'examples/emoji', 'test/support', 'docs'];
  const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '--', ...folders];
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  // A copy without git's folder has nothing to compare with.
  if (status !== 0) return context.skip();
  const ignored = stdout.split('\n').filter((file) => /\.(ts|mjs|cjs|css|md)$/.test(file));
  expect(ignored.filter((file) => !file.startsWith('docs/api/'))).toEqual([]);
});
