/** What the vitest configurations of single backends share. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ViteUserConfig } from 'vitest/config';
import root from '../../vitest.config.js';

const repository = new URL('../../', import.meta.url);

/** The files of a folder of the repository, and of those in it. */
export const inFolder = (folder: string): readonly string[] =>
  readdirSync(new URL(folder, repository), { recursive: true, encoding: 'utf8' }).map(
    (name) => `${folder}/${name}`,
  );

/** Whether a test file mentions one of some names, by which suites run on backends. */
export const mentions =
  (...names: readonly string[]) =>
  (file: string): boolean => {
    if (!file.endsWith('.test.ts')) return false;
    const text = readFileSync(new URL(file, repository), 'utf8');
    return names.some((name) => text.includes(name));
  };

/**
 * The root's configuration for suites on one backend alone.
 * @param backend TensorFlow.js's name
 * @param setup the file that starts it, which runs first
 */
export function onEngine(backend: string, setup: string, include: readonly string[]): ViteUserConfig {
  return {
    ...root,
    root: fileURLToPath(repository),
    test: {
      ...root.test,
      include: [...include],
      exclude: ['**/node_modules/**'],
      setupFiles: [setup, 'test/support/setup.ts'],
      sequence: { setupFiles: 'list' }, // the backend first
      env: { BICOT_TEST_BACKENDS: backend },
      testTimeout: 120_000,
    },
  };
}
