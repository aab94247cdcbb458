/** Adapters against PEFT: folders that it wrote, and what it made of bicot's. See reference/peft_layout.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { encodePeft } from '../src/models/lora/peft-files.js';
import { adaptersByBicot } from './reference/adapters-by-bicot.js';
import { checkPeftFile, matricesOf, type OnAndOff, type PeftFile } from './reference/peft-cases.js';
import { describeOnBackends, expectNoLeak } from './support/backends.js';
import { filesOf } from './support/files.js';

const at = (name: string) => fileURLToPath(new URL(`fixtures/peft/${name}`, import.meta.url));
const json = <T>(name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as T;

/** Paths whose outputs an adapter changes, shortened to `<layer>.<name>`. */
const changed = ({ on, off }: OnAndOff): string[] =>
  Object.keys(on)
    .filter((path) => JSON.stringify(on[path]) !== JSON.stringify(off[path]))
    .map((path) => path.replace(/^.*layers\.(\d)\.\w+\./, '$1.'))
    .sort();

/** Which modules PEFT gave adapters. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  default: ['0.q_proj', '0.v_proj', '1.q_proj', '1.v_proj'],
  patterns: ['0.down_proj', '0.k_proj', '0.q_proj', '1.down_proj', '1.k_proj', '1.q_proj', '1.up_proj'],
  rslora: ['0.o_proj', '0.up_proj', '1.o_proj', '1.up_proj'],
  regex: ['0.gate_proj', '1.gate_proj', '1.k_proj', '1.o_proj'],
  layers: ['1.gate_proj', '1.q_proj'],
  bfloat16: ['0.down_proj', '0.o_proj', '0.q_proj', '1.down_proj', '1.o_proj', '1.q_proj'],
  bicot: ['0.down_proj', '0.o_proj', '0.q_proj', '1.down_proj', '1.o_proj', '1.q_proj', '1.up_proj'],
};

describeOnBackends("adapters in PEFT's layout", () => {
  it.each(Object.keys(CASES))('%s: every module gives what it gives in PEFT, on and off', async (name) => {
    const path = at(`${name}/outputs.json`);
    const file = json<PeftFile>(`${name}/outputs.json`);
    expect(changed(file.peft)).toEqual(CASES[name]);
    await expectNoLeak(async () => {
      const results = await checkPeftFile(path, file);
      expect(results.length).toBe(14);
      for (const { name, on, off } of results) {
        expect(on, name).toBeLessThanOrEqual(1e-5);
        expect(off, name).toBeLessThanOrEqual(1e-5);
      }
    });
  });
});

describe('adapters by bicot', () => {
  it('are the bytes that PEFT was shown to read', async () => {
    const matrices = matricesOf(at('model.safetensors'));
    const adapters = adaptersByBicot(matrices);
    const files = filesOf(at('bicot'));
    for (const [name, bytes] of Object.entries(await encodePeft(adapters))) {
      expect(bytes, name).toEqual(files[name]);
    }
    adapters.dispose();
    tf.dispose([...matrices.values()]);
  });

  it('came out of PEFT as they went in', () => {
    const { error, modules } = json<{ error: string; modules: number }>('bicot/outputs.json');
    expect(Number(error)).toBeLessThanOrEqual(1e-5);
    expect(modules).toBe(CASES.bicot?.length);
    expect(changed(json<OnAndOff>(join('bicot', 'bicot-outputs.json')))).toEqual(CASES.bicot);
  });
});
