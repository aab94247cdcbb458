import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRewardServer } from '../../../examples/reward-server/server.js';
import { rewardSamples } from '../../../test/support/reward-samples.js';
import { abstain, score } from '../reward.js';
import { checkRewardService } from './check-service.js';

describe('checkRewardService', () => {
  let service: Awaited<ReturnType<typeof startRewardServer>>;
  beforeEach(async () => {
    service = await startRewardServer();
  });
  afterEach(() => service.close());

  it('finds a service healthy that answers', async () => {
    expect(await checkRewardService({ url: service.url })).toEqual({
      ...{ healthy: true, problems: [], service: { protocol: 1, name: 'brightness' } },
      result: score(128 / 255),
    });
  });

  it('sends a sample of one’s own, with the fields that are chosen', async () => {
    const [sample] = rewardSamples(1, 1);
    const sent: unknown[] = [];
    const fetch = (async (to: string, init: RequestInit) => {
      if (init.body) sent.push(JSON.parse(init.body as string).samples[0].prompt);
      return globalThis.fetch(to, init);
    }) as typeof globalThis.fetch;
    const options = { url: service.url, fetch, fields: ({ text }: { text: string }) => text };
    expect((await checkRewardService({ ...options, sample })).healthy).toBe(true);
    expect((await checkRewardService(options)).healthy).toBe(true);
    expect(sent).toEqual(['prompt 0', { prompt: 'a grey square' }]);
    const noPicture = { prompt: 'a dog', group: 0, index: 0, tokens: {} };
    expect(await checkRewardService({ url: service.url, sample: noPicture })).toMatchObject({
      ...{ healthy: true, result: abstain('there is no picture') },
    });
  });

  it('says that nobody is there, about health and samples', async () => {
    const { url } = service;
    await service.close();
    const { healthy, problems, ...rest } = await checkRewardService({ url });
    expect([healthy, rest]).toEqual([false, {}]);
    expect(problems).toEqual([
      expect.stringMatching(/^checkRewardService: http:\/\/127\.0\.0\.1:\d+\/health could not be reached/),
      expect.stringMatching(/^checkRewardService: http:\/\/127\.0\.0\.1:\d+\/ could not be reached/),
    ]);
    service = await startRewardServer();
  });

  it('says what is wrong with a service that is there', async () => {
    const elsewhere = await checkRewardService({ url: `${service.url}v2` });
    expect(elsewhere.problems).toEqual([
      expect.stringMatching(/\/v2\/health answered HTTP 404/),
      expect.stringMatching(/\/v2 answered HTTP 404/),
    ]);
    const broken = await startRewardServer(() => {
      throw new Error('CUDA out of memory');
    });
    expect(await checkRewardService({ url: broken.url })).toMatchObject({
      ...{ healthy: false, problems: [expect.stringMatching(/: CUDA out of memory$/)] },
      result: { kind: 'failure' },
    });
    await broken.close();
    const other = (async () => Response.json({ protocol: 2, name: 'x' })) as typeof globalThis.fetch;
    const { problems } = await checkRewardService({ url: service.url, fetch: other });
    expect(problems[0]).toMatch(/\/health answered with something else than \{ protocol: 1, name: "…" \}/);
  });

  it('is aborted by its signal, and refuses options that cannot work', async () => {
    const { url } = service;
    const aborted = checkRewardService({ url, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    await expect(checkRewardService({ url, sampel: 1 } as { url: string })).rejects.toThrow(
      /no option 'sampel'/,
    );
  });

  it('shows what a service says about itself, and no further than anybody reads', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const fetch = async () =>
      new Response(`{"protocol":1,"name":"x","device":"cuda","deep":${deep},"results":[]}`);
    const { service: said } = await checkRewardService({ url: service.url, fetch });
    expect(said).toMatchObject({ protocol: 1, name: 'x', device: 'cuda' });
    expect(JSON.stringify(said?.deep).length).toBeLessThan(100);
  });

  it('asks for /health below the path, with the query', async () => {
    const asked: string[] = [];
    const fetch = (async (to: string) => {
      asked.push(to);
      return Response.json({ protocol: 1, name: 'x', results: [] });
    }) as typeof globalThis.fetch;
    for (const path of ['', '/', '/v1', '/v1/?key=1']) {
      await checkRewardService({ url: `https://rewards.example${path}`, fetch });
    }
    const health = asked.filter((to) => to.includes('health')).map((to) => to.slice(23));
    expect(health).toEqual(['/health', '/health', '/v1/health', '/v1/health?key=1']);
  });
});
