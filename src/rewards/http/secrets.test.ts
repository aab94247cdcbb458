/** Credentials, headers and query strings are in no message, whoever quotes them. */
import { describe, expect, it, vi } from 'vitest';
import { rewardSamples } from '../../../test/support/reward-samples.js';
import { rewardEnsemble } from '../ensemble/ensemble.js';
import { checkRewardService } from './check-service.js';
import { type HttpRewardOptions, httpReward } from './index.js';

const samples = rewardSamples(1, 2);
const SECRETS = ['s3cr3t-token', 'k3y in the query', 'hunter2!'];
const url = 'https://rewards.example/score?key=k3y%20in%20the%20query&model=b';
const headers = { authorization: 'Bearer s3cr3t-token', cookie: 'session=hunter2!; theme=dark' };

const expectNoSecret = (text: string): void => {
  for (const secret of [...SECRETS, ...SECRETS.map(encodeURIComponent)]) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/\?key|model=b/);
};

/** All words that an outcome has anywhere: of errors also the stack and what a logger would print. */
async function wordsOf(options: Partial<HttpRewardOptions>): Promise<string> {
  const { inspect } = await import('node:util');
  const reward = httpReward({ url, headers, timeout: 50, ...options });
  const thrown = await reward(samples).catch((error: unknown) => error);
  const { failures } = await rewardEnsemble({ reward }).evaluate(samples);
  const report = await checkRewardService({ url, headers, timeout: 50, ...options });
  return inspect([thrown, failures, report], { depth: 9, maxStringLength: null, showHidden: true });
}

const answering = (make: (url: string, init: RequestInit) => Response | Promise<Response>) =>
  (async (to: string, init: RequestInit) => make(to, init)) as typeof globalThis.fetch;

/** Everything that was sent, as a server with a loose tongue would give it back. */
function told(to: string, init: RequestInit): string {
  const sent: string[] = [];
  (init.headers as Headers).forEach((value, name) => {
    sent.push(`${name}: ${value}`);
  });
  return `${to} ${decodeURIComponent(to)} ${JSON.stringify(sent)}`;
}

describe('no secret is told', () => {
  it.each<[string, typeof globalThis.fetch, RegExp]>([
    [
      'a network error',
      answering((to, init) => Promise.reject(new Error(`connecting ${told(to, init)}`))),
      /\*\*\*/,
    ],
    [
      'a network error with a code',
      answering((to) =>
        Promise.reject(Object.assign(new TypeError(`request to ${to} failed`), { code: 'ENOTFOUND' })),
      ),
      /ENOTFOUND/,
    ],
    [
      'a cause',
      answering((to, init) =>
        Promise.reject(new TypeError('fetch failed', { cause: new Error(told(to, init)) })),
      ),
      /fetch failed/,
    ],
    ['something thrown', answering((to, init) => Promise.reject(told(to, init))), /\*\*\*/],
    [
      'a status',
      answering((to, init) => new Response(told(to, init), { status: 500, statusText: 'hunter2!' })),
      /500/,
    ],
    [
      'a redirect',
      answering((to) => new Response('', { status: 302, headers: { location: to } })),
      /redirects/,
    ],
    ['no JSON', answering((to, init) => new Response(told(to, init))), /no whole JSON/],
    [
      'another kind of answer',
      answering((to, init) => Response.json({ results: told(to, init) })),
      /something else/,
    ],
    [
      'another kind of answer, with a word for a number',
      answering((to, init) => Response.json({ protocol: told(to, init) })),
      /something else/,
    ],
    [
      'errors of samples',
      answering((to, init) => {
        const sent = JSON.parse((init.body as string | undefined) ?? '{"samples":[]}') as {
          samples: { id: string }[];
        };
        const results = sent.samples.map(({ id }) => ({ id, error: told(to, init) }));
        return Response.json({ protocol: 1, name: 'x', results });
      }),
      /\*\*\*/,
    ],
    [
      'ids that were not asked for',
      answering((to, init) =>
        Response.json({ protocol: 1, name: 'x', results: [{ id: told(to, init), score: 1 }] }),
      ),
      /not asked for/,
    ],
    ['silence', answering(() => new Promise(() => {})), /did not answer in 50 ms/],
  ])('by %s', async (_, fetch, sign) => {
    const words = await wordsOf({ fetch });
    expectNoSecret(words);
    expect(words).toMatch(sign);
    expect(words).toContain('https://rewards.example/score');
  });

  it('by headers that cannot be sent or fetched', async () => {
    const broken = { authorization: 'Bearer s3cr3t-token\nhunter2!' };
    for (const make of [() => httpReward({ url, headers: broken })]) {
      expect(make).toThrow(/"authorization" has a name or a value \(not shown\)/);
      const { message, cause } = (() => {
        try {
          return make() as never;
        } catch (error) {
          return error as Error;
        }
      })();
      expectNoSecret(message);
      expect(cause).toBeUndefined();
    }
    const words = await wordsOf({ headers: () => Promise.reject(new Error('vault?token=s3cr3t-token')) });
    expectNoSecret(words);
    expect(words).toMatch(/headers\(\) for https:\/\/rewards.example\/score threw \(Error, not shown\)/);
  });

  it('by a URL that is refused', () => {
    for (const wrong of [
      'https://user:hunter2!@rewards.example/',
      'hunter2!',
      'ftp://user:hunter2!@x/?hunter2!',
    ]) {
      expect(() => httpReward({ url: wrong })).toThrow(
        expect.objectContaining({ code: 'value', message: expect.not.stringContaining('hunter2!') }),
      );
    }
    expect(() => httpReward({ url: 'https://user:hunter2!@rewards.example/' })).toThrow(
      /url of rewards.example has credentials in it.*headers/,
    );
  });

  it('by credentials in basic authentication, decoded or not', async () => {
    const basic = { authorization: `Basic ${btoa('user:hunter2!')}` };
    const fetch = answering(() => Promise.reject(new Error(`user:hunter2! ${basic.authorization}`)));
    const words = await wordsOf({ fetch, headers: basic });
    expect(words).not.toContain('hunter2!');
    expect(words).not.toContain(btoa('user:hunter2!'));
  });

  it('by the console', async () => {
    const spies = (['log', 'warn', 'error', 'info', 'debug'] as const).map((name) => vi.spyOn(console, name));
    await wordsOf({ fetch: answering((to, init) => Promise.reject(new Error(told(to, init)))) });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });
});

describe('secrets over http', () => {
  const secret = { Authorization: 'Bearer s3cr3t-token' };
  it('go to this machine', () => {
    for (const host of ['localhost:8000', '127.0.0.1:8000', '127.9.9.9', '[::1]:8000', 'gpu.localhost']) {
      expect(() => httpReward({ url: `http://${host}/`, headers: secret })).not.toThrow();
    }
  });

  it('go to another only if that is said', async () => {
    for (const host of [
      'gpu.example',
      '10.0.0.7',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '[::2]',
    ]) {
      const make = () => httpReward({ url: `http://${host}/`, headers: secret });
      expect(make).toThrow(/"Authorization" would go to http:\/\/\S+ unencrypted.*`insecure: true`/);
      expect(() => httpReward({ url: `http://${host}/`, headers: secret, insecure: true })).not.toThrow();
      expect(() => httpReward({ url: `http://${host}/`, headers: { 'x-run': '7' } })).not.toThrow();
    }
    for (const name of ['x-api-key', 'Cookie', 'Proxy-Authorization', 'x-auth-token']) {
      expect(() => httpReward({ url: 'http://gpu.example/', headers: { [name]: 'a' } })).toThrow(
        /unencrypted/,
      );
    }
  });

  it('are looked at when they are fetched late', async () => {
    const fetch = vi.fn();
    const reward = httpReward({ url: 'http://gpu.example/', headers: () => secret, fetch });
    await expect(reward(samples)).rejects.toMatchObject({
      code: 'value',
      message: expect.stringMatching(/unencrypted/),
    });
    expect(fetch).not.toHaveBeenCalled();
  });
});

describe('headers', () => {
  it('are sent with every request, fetched once for a call', async () => {
    const sent: (string | null)[] = [];
    const fetch = answering((_, init) => {
      sent.push((init.headers as Headers).get('authorization'));
      return Response.json({ results: [] });
    });
    let calls = 0;
    const late = async () => ({ authorization: `Bearer ${++calls}` });
    const reward = httpReward({ url, headers: late, fetch, batchSize: 1 });
    await reward(samples);
    await reward(samples);
    expect(sent).toEqual(['Bearer 1', 'Bearer 1', 'Bearer 2', 'Bearer 2']);
  });
});
