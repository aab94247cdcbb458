/** Does a backend keep what it promises? `check-backend.ts BACKEND OPTIONS`; prints a line of JSON for each suite. */
import { type ConformanceReport, checkBackend, checkPolicy, uniformInteger, uniformStream } from 'bicot';
import { createTransformer } from 'bicot/models';
import { type JanusContext, loadJanus } from 'bicot/models/janus';
import { type StartOptions, startBackend } from '../support/start-backend.js';
import { JANUS_SIZES } from './janus/sizes.js';
import { syntheticJanus } from './janus/synthetic-folder.js';
import type { CheckedSuite } from './results.js';

console.log = console.error;

/** A note is something that was not measured. */
function tell(name: string, { checks }: ConformanceReport): void {
  const faults = checks.filter(({ passed }) => !passed);
  const skipped = checks.filter(({ level }) => level === 'note').length;
  const suite: CheckedSuite = {
    ...{ name, skipped, failed: faults.length, passed: checks.length - faults.length - skipped },
    faults: faults.map(({ check, detail }) => `${check}: ${detail}`),
  };
  process.stdout.write(`${JSON.stringify(suite)}\n`);
}

const [, , backend = '', options = '{}'] = process.argv;
await startBackend(backend, JSON.parse(options) as StartOptions);

tell('operations, kernels, sampler, losses, models', await checkBackend());

const transformer = createTransformer({
  ...{ textVocabulary: 40, imageVocabulary: 30, imageLength: 8, endToken: 2, specialTokens: 4 },
  ...{ width: 32, layers: 2, heads: 2, hidden: 48 },
});
const stream = uniformStream('gpu', 'check');
const words = (length: number): Int32Array =>
  Int32Array.from({ length }, () => 6 + uniformInteger(stream, 34));
for (const space of ['text', 'image']) {
  // The first id is below those of words, and so what is left of a context without its condition.
  const contexts = [5, 7].map((length) => ({ ids: Int32Array.from([1, ...words(length)]) }));
  tell(`a transformer's contract, ${space}`, await checkPolicy(transformer, { contexts, space }));
}
transformer.dispose();

const janus = await loadJanus(syntheticJanus(JANUS_SIZES.tiny), { lora: { rank: 4 } });
for (const space of ['text', 'image']) {
  const ids = (length: number) => Int32Array.from([1, ...words(length), ...(space === 'image' ? [4] : [])]);
  const contexts: JanusContext[] = [{ ids: ids(5) }, { ids: ids(3) }];
  tell(`Janus's contract, ${space}`, await checkPolicy(janus, { contexts, space }));
}
janus.dispose();
process.exit(0);
