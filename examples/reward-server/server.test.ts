/** Both servers speak the protocol, and say the same. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { abstain, failure, type Sample, score } from 'bicot';
import { checkRewardService, httpReward } from 'bicot/rewards/http';
import { afterAll, describe, expect, it } from 'vitest';
import { rewardSamples } from '../../test/support/reward-samples.js';
import { startRewardServer } from './server.js';

const samples: readonly Sample[] = [
  ...rewardSamples(2, 3),
  { prompt: 'words', group: 2, index: 0, tokens: {}, plan: 'no picture' },
  {
    prompt: ['a', 'list'],
    group: 3,
    index: 0,
    tokens: {},
    image: { width: 1, height: 1, data: Uint8Array.of(255, 0, 0) },
  },
];

const brightnessOf = ({ image }: Sample) =>
  image
    ? score(image.data.reduce((sum, value) => sum + value, 0) / image.data.length / 255)
    : abstain('there is no picture');

async function expectProtocol(url: string): Promise<void> {
  expect(await checkRewardService({ url })).toMatchObject({
    ...{ healthy: true, problems: [], service: { protocol: 1, name: 'brightness' } },
  });
  const results = await httpReward({ url, batchSize: 3 })(samples);
  results.forEach((result, place) => {
    const expected = brightnessOf(samples[place] as Sample);
    if (expected.kind === 'abstain') expect(result).toEqual(expected);
    else expect(result).toEqual(score(expect.closeTo(expected.value, 12)));
  });
  const sent = { prompt: '', group: 0, index: 0 };
  const post = async (body: unknown) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const broken = await post({ protocol: 1, samples: [{ ...sent, id: 'a', image: btoa('no PNG') }] });
  expect(await broken.json()).toEqual({ protocol: 1, results: [{ id: 'a', error: expect.any(String) }] });
  const other = await post({ protocol: 1 });
  expect([400, 422]).toContain(other.status);
}

describe('the server in Node', () => {
  it('speaks the protocol', async () => {
    const { url, close } = await startRewardServer();
    await expectProtocol(url);
    await close();
  });

  it('says which sample its model fails on', async () => {
    const { url, close } = await startRewardServer((prompt) => {
      if ((prompt as { text: string }).text === 'prompt 1') throw new Error('too long');
      return 1;
    });
    const results = await httpReward({ url })(rewardSamples(2, 1));
    expect(results).toEqual([score(1), failure(`httpReward: ${url}: too long`)]);
    await close();
  });
});

/** A Python that has what server.py imports. */
const python = process.env.BICOT_REWARD_PYTHON || 'python3';
const wanted = spawnSync(python, ['-c', 'import fastapi, uvicorn, PIL'], { encoding: 'utf8' });
const missing = wanted.status !== 0;
if (missing) {
  const why = wanted.error?.message ?? wanted.stderr.trim().split('\n').pop();
  console.log(
    `examples/reward-server/server.py is not tested: ${python} has not what it imports (${why}). Install ` +
      'examples/reward-server/requirements.txt, and name the interpreter in BICOT_REWARD_PYTHON.',
  );
}

describe.skipIf(missing)('the server in Python', () => {
  let server: ChildProcess | undefined;
  afterAll(() => {
    server?.kill();
  });

  it('speaks the protocol', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const options = { cwd: import.meta.dirname, stdio: 'ignore' } as const;
    server = spawn(python, ['-B', '-m', 'uvicorn', 'server:app', '--port', String(port)], options);
    await waitFor(`${url}health`, server);
    await expectProtocol(url);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function waitFor(url: string, server: ChildProcess): Promise<void> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
    const there = await fetch(url).catch(() => undefined);
    if (there) return;
    await new Promise((later) => setTimeout(later, 50));
  }
}
