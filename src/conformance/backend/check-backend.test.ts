import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_BACKEND, describeOnBackends, expectNoLeak } from '../../../test/support/backends.js';
import { currentKernels, kernelSetting, setKernels } from '../../kernels/choice.js';
import { formatReport } from '../format-report.js';
import type { BackendCheckKind } from './backend-case.js';
import { type BackendReport, backendCases, checkBackend } from './check-backend.js';

const KINDS: readonly BackendCheckKind[] = [
  ...(['op', 'gradient', 'kernel', 'sampler', 'loss', 'decoder', 'vq', 'training step'] as const),
];

const namesOf = (report: BackendReport, level: string): string[] =>
  report.checks.filter((check) => check.level === level).map(({ check }) => check);

/** Makes one kernel of the present backend wrong for the time of an action. */
async function withFault<Result>(
  kernelName: string,
  change: (run: () => tf.TensorInfo | tf.TensorInfo[]) => tf.TensorInfo | tf.TensorInfo[],
  action: () => Promise<Result>,
): Promise<Result> {
  const backendName = tf.getBackend();
  const kernel = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...kernel, kernelFunc: (params) => change(() => kernel.kernelFunc(params)) });
  try {
    return await action();
  } finally {
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel(kernel);
  }
}

describeOnBackends('checkBackend', (backend) => {
  const setting = kernelSetting();
  afterEach(() => setKernels(...setting));

  it.each(KINDS)('finds nothing wrong in the kind "%s", and leaves all as it was', async (kind) => {
    const before = tf.memory().numTensors;
    const seen: string[] = [];
    const report = await checkBackend({ kinds: [kind], onProgress: ({ check }) => seen.push(check.check) });
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(seen).toEqual(report.checks.map(({ check }) => check));
    expect(seen.length).toBeGreaterThan(0);
    expect(report.checks.every((check) => check.kind === kind)).toBe(true);
    expect(report.backend).toBe(backend);
    expect(report.kernels).toEqual(currentKernels().available ? ['fused', 'composed'] : ['composed']);
    expect(tf.getBackend()).toBe(backend);
    expect(kernelSetting()).toEqual(setting);
    // An operation that the backend lacks leaves what TensorFlow.js had made for it.
    if (namesOf(report, 'warning').length === 0) expect(tf.memory().numTensors).toBe(before);
  });

  it('finds a planted wrong value where it is, with what to do', async () => {
    const wrong = (run: () => tf.TensorInfo | tf.TensorInfo[]) => {
      const right = run() as tf.TensorInfo;
      const tensor = tf.engine().makeTensorFromTensorInfo(right);
      return tf.mul(tensor, 1 + 1e-3);
    };
    const report = await withFault('Tanh', wrong, () => checkBackend({ kinds: ['op'] }));
    const found = report.checks.filter(({ passed }) => !passed);
    expect(found.length).toBeGreaterThan(0);
    expect(new Set(found.map(({ check }) => check.split(':')[0]))).toEqual(new Set(['tanh']));
    expect(found[0]?.error).toBeCloseTo(1e-3, 5);
    expect(found[0]?.suggestion).toBeTruthy();
    expect(formatReport(report)).toMatch(
      /^failed: .*\n[\s\S]*✗ tanh: \[1\] .*op .*error 1\.0e-3 \(allowed 1e-5\)/,
    );
  });

  it('reports a planted error, and goes on', async () => {
    const report = await withFault(
      'Erf',
      () => {
        throw new Error('no room\nfor this');
      },
      () => checkBackend({ kinds: ['op'] }),
    );
    const found = report.checks.filter(({ passed }) => !passed);
    expect(found.length).toBeGreaterThan(0);
    for (const { check, detail, error } of found) {
      expect([check.split(':')[0], detail, error]).toEqual(['erf', 'threw: no room', null]);
    }
    expect(tf.getBackend()).toBe(backend);
  });

  it('stops when asked to, with backend and kernels as they were', async () => {
    const abort = new AbortController();
    const stopped = checkBackend({ kinds: ['loss'], signal: abort.signal, onProgress: () => abort.abort() });
    await expect(stopped).rejects.toMatchObject({
      code: 'aborted',
      message: expect.stringContaining('after 1 of'),
    });
    expect(tf.getBackend()).toBe(backend);
    expect(kernelSetting()).toEqual(setting);
  });
});

describe('checkBackend', () => {
  // A stand-in for a device; backends that have one need it.
  it.skipIf(DEFAULT_BACKEND === 'webgpu')(
    'reports what a device refuses, whose results it would else compare',
    async () => {
      const device = {
        pushErrorScope: () => {},
        popErrorScope: async () => ({ message: 'too many buffers' }),
      };
      const present = tf.backend() as { device?: unknown };
      const before = present.device;
      present.device = device;
      try {
        const report = await checkBackend({ kinds: ['vq'] });
        expect(report.passed).toBe(false);
        expect(report.checks[0]?.detail).toBe('the device refused a command: too many buffers');
      } finally {
        if (before === undefined) delete present.device;
        else present.device = before;
      }
    },
  );

  it('refuses options that do not exist', async () => {
    await expect(checkBackend({ kind: ['op'] } as object)).rejects.toThrow(/no option 'kind'/);
    await expect(checkBackend({ kinds: ['ops' as 'op'] })).rejects.toThrow(/kinds is \["ops"\]/);
    await expect(checkBackend({ kinds: [] })).rejects.toThrow(/kinds is \[\]/);
  });

  it('has a name of its own for every case', () => {
    const names = backendCases(['fused', 'composed']).map(({ kind, name }) => `${kind} ${name}`);
    expect(names.length).toBeGreaterThan(400);
    expect(new Set(names).size).toBe(names.length);
  });

  it('leaves no tensor behind when it makes its cases', () =>
    expectNoLeak(() => void backendCases(['fused', 'composed'])));
});

/** Names under `tf.` that compute no numbers. */
const NO_OPERATIONS = [
  ...[
    'tidy',
    'keep',
    'dispose',
    'memory',
    'nextFrame',
    'engine',
    'env',
    'ready',
    'getBackend',
    'setBackend',
    'backend',
  ],
  ...['registerBackend', 'removeBackend', 'findBackend', 'findBackendFactory', 'getKernelsForBackend'],
  ...[
    'registerKernel',
    'unregisterKernel',
    'getKernel',
    'registerGradient',
    'getGradient',
    'util.sizeFromShape',
  ],
  // How gradients are asked for: every gradient case and the training step do.
  ...['grad', 'grads', 'variableGrads', 'customGrad'],
];

it('every operation of TensorFlow.js that the sources use has a case', () => {
  const src = fileURLToPath(new URL('../..', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.includes(join('conformance', 'backend')),
  );
  const used = files.flatMap((path) =>
    [
      ...readFileSync(join(src, path), 'utf8').matchAll(/\btf\.((?:[a-z]\w*\.)?[a-z]\w*)(?:<[^()]*?>)?\(/g),
    ].map(([, name]) => name as string),
  );
  const covered = new Set(backendCases(['composed']).flatMap(({ ops = [] }) => ops));
  expect(new Set(used).size).toBeGreaterThan(50);
  expect([...new Set(used)].filter((name) => !covered.has(name) && !NO_OPERATIONS.includes(name))).toEqual(
    [],
  );
  // Traps are the only ones that nothing uses.
  const unused = [...covered].filter((name) => !used.includes(name));
  expect(unused.sort()).toEqual(['addN', 'argMax', 'cumsum', 'round', 'topk']);
});
