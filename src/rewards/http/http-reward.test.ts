import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startFaultServer, trueScore } from '../../../test/support/fault-server.js';
import { rewardSamples } from '../../../test/support/reward-samples.js';
import { decodePng } from '../../image/png.js';
import { uniformInteger, uniformStream } from '../../tensor/noise.js';
import { abstain, failure, type Sample, score } from '../reward.js';
import { httpReward } from './http-reward.js';
import type { RewardRequest } from './protocol.js';
import { RewardServiceError } from './service-error.js';

const samples = rewardSamples(2, 3);
const url = 'https://rewards.example/score';

/** A fetch that answers from memory and keeps what it was asked. */
function fakeFetch(answer: (body: RewardRequest, init: RequestInit) => unknown) {
  const asked: { url: string; init: RequestInit; body: RewardRequest }[] = [];
  const fetch = (async (to: string, init: RequestInit) => {
    const body = JSON.parse(init.body as string) as RewardRequest;
    asked.push({ url: to, init, body });
    const said = await answer(body, init);
    return said instanceof Response ? said : Response.json(said);
  }) as typeof globalThis.fetch;
  return { fetch, asked };
}

/** The place of each sample as its score. */
const places = ({ samples: sent }: RewardRequest) => ({
  protocol: 1,
  results: sent.map(({ id }) => ({ id, score: Number(id.split('-')[1]) })),
});

const IN_ORDER = samples.map((_, place) => score(place));

afterEach(() => {
  vi.restoreAllMocks();
});

describe('httpReward', () => {
  it('posts samples with PNG files and gives their scores', async () => {
    const { fetch, asked } = fakeFetch(places);
    expect(await httpReward({ url, fetch })(samples)).toEqual(IN_ORDER);
    const [{ init, body }] = asked as [(typeof asked)[number]];
    expect([asked.length, asked[0]?.url, init.method, init.redirect]).toEqual([1, url, 'POST', 'manual']);
    const headers: string[] = [];
    (init.headers as Headers).forEach((value, name) => {
      headers.push(`${name}: ${value}`);
    });
    expect(headers).toEqual(['accept: application/json', 'content-type: application/json']);
    expect(body.protocol).toBe(1);
    body.samples.forEach(({ image, ...sent }, place) => {
      const { prompt, plan, group, index, image: picture } = samples[place] as (typeof samples)[number];
      expect(sent).toEqual({ id: `0-${place}`, prompt, plan, group, index });
      expect(decodePng(Buffer.from(image as string, 'base64'))).toEqual(picture);
    });
  });

  it('gives what a server computes', async () => {
    const server = await startFaultServer([]);
    const results = await httpReward({ url: server.url })(samples);
    await server.close();
    expect(results).toEqual(
      samples.map(({ prompt, image }) => score(trueScore(prompt, image?.data as Uint8Array))),
    );
  });

  it('sends what `fields` chooses, and leaves out what a sample has not', async () => {
    const { fetch, asked } = fakeFetch(places);
    const reward = httpReward<string>({ url, fetch, fields: (row) => ({ words: row.split(' ') }) });
    await reward([{ prompt: 'a dog', group: 0, index: 0, tokens: {} }]);
    expect(asked[0]?.body.samples).toEqual([
      { id: '0-0', prompt: { words: ['a', 'dog'] }, group: 0, index: 0 },
    ]);
  });

  it('encodes pictures of more than one part in base64', async () => {
    const { fetch, asked } = fakeFetch(places);
    const stream = uniformStream('picture', 1);
    const data = Uint8Array.from({ length: 150 * 150 * 3 }, () => uniformInteger(stream, 256));
    const image = { width: 150, height: 150, data };
    await httpReward({ url, fetch })([{ prompt: '', group: 0, index: 0, tokens: {}, image }]);
    const sent = asked[0]?.body.samples[0]?.image as string;
    expect(sent.length).toBeGreaterThan(40_000);
    expect(decodePng(Buffer.from(sent, 'base64'))).toEqual(image);
  });

  it('names samples differently in each call, and asks nobody about none', async () => {
    const { fetch, asked } = fakeFetch(places);
    const reward = httpReward({ url, fetch });
    expect(await reward([])).toEqual([]);
    await reward(samples);
    await reward(samples);
    expect(asked.map(({ body }) => body.samples[0]?.id)).toEqual(['0-0', '1-0']);
  });

  it.each([undefined, () => 1, 1n])('says that a prompt is no JSON: %s', async (prompt) => {
    const { fetch, asked } = fakeFetch(places);
    const reward = httpReward({ url, fetch })([{ prompt, group: 0, index: 0, tokens: {} }]);
    await expect(reward).rejects.toMatchObject({
      code: 'reward',
      message: expect.stringMatching(/`fields`/),
    });
    expect(asked).toEqual([]);
  });

  it('passes abstentions and errors on', async () => {
    const { fetch } = fakeFetch(({ samples: sent }) => ({
      results: sent.map(({ id }, place) => {
        if (place === 0) return { id, abstain: true };
        return place === 1 ? { id, abstain: true, reason: 'no noun' } : { id, error: 'a\u001b[31m\nb' };
      }),
    }));
    const results = await httpReward({ url, fetch })(samples.slice(0, 3));
    expect(results).toEqual([
      abstain(),
      abstain('no noun'),
      failure('httpReward: https://rewards.example/score: a [31m b'),
    ]);
  });

  it.each<[unknown, RegExp]>([
    [{ score: true }, /has the score true; expected a finite number/],
    [{ score: [1] }, /has the score \[1\]/],
    [{ score: 1, error: 'x' }, /has score and error; expected one of/],
    [{ score: 1, abstain: true }, /has score and abstain/],
    [{}, /has none of them/],
    [{ abstain: false }, /has the abstain false; expected true/],
    [{ abstain: true, reason: 3 }, /has the abstain true; expected true, with a reason/],
    [{ error: null }, /has the error null; expected words/],
  ])('takes the result %j for a failure', async (said, words) => {
    const { fetch } = fakeFetch(({ samples: sent }) => ({
      results: sent.map(({ id }, place) =>
        place === 1 ? { id, ...(said as object) } : { id, score: place },
      ),
    }));
    const [first, wrong, third] = await httpReward({ url, fetch })(samples.slice(0, 3));
    expect([first, third]).toEqual([score(0), score(2)]);
    expect(wrong).toEqual(failure(expect.stringMatching(words)));
  });

  it.each<unknown>([[], { results: {} }, 'no', null, { protocol: '1', results: [] }])(
    'throws for the answer %j',
    async (answer) => {
      const { fetch } = fakeFetch(() => Response.json(answer));
      await expect(httpReward({ url, fetch })(samples)).rejects.toMatchObject({
        name: 'RewardServiceError',
        retryable: false,
        message: expect.stringMatching(/something else than \{ protocol: 1, results: \[…\] \}/),
      });
    },
  );
});

describe('requests', () => {
  it('have at most `batchSize` samples, `concurrency` of them at once', async () => {
    let [now, most] = [0, 0];
    const { fetch, asked } = fakeFetch(async (body) => {
      most = Math.max(most, ++now);
      await new Promise((later) => setTimeout(later, 5));
      now--;
      return places(body);
    });
    expect(await httpReward({ url, fetch, batchSize: 1, concurrency: 2 })(samples)).toEqual(IN_ORDER);
    expect([asked.length, most]).toEqual([6, 2]);
  });

  it('have at most `maxRequestBytes`; a sample beyond it is a failure and is not sent', async () => {
    const { fetch, asked } = fakeFetch(places);
    const row = (words: string): Sample => ({ prompt: words, group: 0, index: 0, tokens: {} });
    const rows = [row('é'.repeat(40)), row('b'), row('c'.repeat(300)), row('d'), row('e')];
    const results = await httpReward({ url, fetch, maxRequestBytes: 220 })(rows);
    expect(results).toEqual([
      score(0),
      score(1),
      failure(
        expect.stringMatching(/takes 3\d\d bytes, and no request may have more than 220 \(maxRequestBytes\)/),
        { permanent: true },
      ),
      score(3),
      score(4),
    ]);
    const sizes = asked.map(({ init }) => new TextEncoder().encode(init.body as string).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(220);
    expect(asked.map(({ body }) => body.samples.length)).toEqual([2, 2]);
    // One byte less than the first request has, and it is cut in two.
    const tight = fakeFetch(places);
    await httpReward({ url, fetch: tight.fetch, maxRequestBytes: (sizes[0] as number) - 1 })(
      rows.slice(0, 2),
    );
    expect(tight.asked).toHaveLength(2);
    const fits = fakeFetch(places);
    await httpReward({ url, fetch: fits.fetch, maxRequestBytes: sizes[0] })(rows.slice(0, 2));
    expect(fits.asked).toHaveLength(1);
  });

  it('fail for their own samples; the call throws only if all of them fail', async () => {
    const reply = (status: number) => new Response('no', { status });
    const some = fakeFetch((body) => (body.samples[0]?.id === '0-2' ? reply(500) : places(body)));
    const results = await httpReward({ url, fetch: some.fetch, batchSize: 2 })(samples);
    const failed = failure(expect.stringMatching(/score answered HTTP 500/));
    expect(results).toEqual([score(0), score(1), failed, failed, score(4), score(5)]);
    const refused = fakeFetch((body) => (body.samples[0]?.id === '0-2' ? reply(413) : places(body)));
    const partly = await httpReward({ url, fetch: refused.fetch, batchSize: 2 })(samples);
    expect(partly[2]).toEqual(failure(expect.stringMatching(/HTTP 413/), { permanent: true }));
    const all = fakeFetch((body) => reply(body.samples[0]?.id === '0-2' ? 500 : 401));
    // What may pass is what a retry wants to see.
    await expect(httpReward({ url, fetch: all.fetch, batchSize: 2 })(samples)).rejects.toMatchObject({
      ...{ status: 500, retryable: true },
    });
  });
});

describe('RewardServiceError', () => {
  it.each<[number, boolean, RegExp]>([
    [400, false, /HTTP 400 \(it does not understand the request/],
    [401, false, /HTTP 401 \(it does not accept the credentials/],
    [404, false, /nothing there takes samples: see `url`/],
    [408, true, /too busy/],
    [413, false, /lower `maxRequestBytes`/],
    [418, false, /refuses/],
    [425, true, /too busy/],
    [429, true, /too busy/],
    [500, true, /it failed/],
    [503, true, /too busy/],
    [307, false, /redirects to another place \(HTTP 307\)/],
  ])('of HTTP %i has retryable %s', async (status, retryable, message) => {
    const { fetch } = fakeFetch(() => new Response('no', { status }));
    const error = await httpReward({ url, fetch })(samples).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RewardServiceError);
    expect(error).toMatchObject({ status, retryable, message: expect.stringMatching(message) });
    expect(error).not.toHaveProperty('cause');
    expect((error as RewardServiceError).retryAfterMs).toBeUndefined();
  });

  it('tells how long to wait, in seconds or until a date', async () => {
    const ask = async (wait: string) => {
      const { fetch } = fakeFetch(() => new Response('', { status: 429, headers: { 'retry-after': wait } }));
      return httpReward({ url, fetch })(samples).catch((error: RewardServiceError) => error.retryAfterMs);
    };
    vi.spyOn(Date, 'now').mockReturnValue(Date.parse('2026-01-01T00:00:00Z'));
    expect(await ask('7')).toBe(7000);
    expect(await ask('Thu, 01 Jan 2026 00:01:30 GMT')).toBe(90_000);
    expect(await ask('Wed, 31 Dec 2025 00:00:00 GMT')).toBe(0);
    expect(await ask('soon')).toBeUndefined();
  });

  it('is not retryable when a browser hides a redirect, or a fetch has followed one', async () => {
    const opaque = { type: 'opaqueredirect', status: 0, body: null, redirected: false };
    const followed = { type: 'basic', status: 200, body: null, redirected: true };
    for (const response of [opaque, followed]) {
      const fetch = async () => response as unknown as Response;
      await expect(httpReward({ url, fetch })(samples)).rejects.toMatchObject({
        ...{ retryable: false, message: expect.stringMatching(/redirects to another place/) },
      });
    }
  });
});

describe('time', () => {
  /** A fetch that heeds no signal. */
  const deaf = (async () => new Promise(() => {})) as unknown as typeof globalThis.fetch;
  /** Answers at once with a body that never ends. */
  const endless = (cancel: () => void) =>
    (async () => new Response(new ReadableStream({ cancel }))) as unknown as typeof globalThis.fetch;

  it('ends a call whose fetch does not heed its signal', async () => {
    await expect(httpReward({ url, fetch: deaf, timeout: 20 })(samples)).rejects.toMatchObject({
      ...{
        retryable: true,
        message: expect.stringMatching(/did not answer in 20 ms \(timeout, while waiting/),
      },
    });
    const cancel = vi.fn();
    await expect(httpReward({ url, fetch: endless(cancel), timeout: 20 })(samples)).rejects.toMatchObject({
      ...{
        retryable: true,
        message: expect.stringMatching(/did not answer in 20 ms \(timeout, while reading/),
      },
    });
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('frees the connection of an answer that comes too late', async () => {
    let arrive = (_: Response): void => {};
    const fetch = (() => new Promise<Response>((resolve) => (arrive = resolve))) as typeof globalThis.fetch;
    await expect(httpReward({ url, fetch, timeout: 20 })(samples)).rejects.toThrow(/timeout/);
    const cancel = vi.fn();
    arrive(new Response(new ReadableStream({ cancel })));
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce());
  });

  it('is for the whole call: what could not be sent any more fails, what was answered stays', async () => {
    const { fetch, asked } = fakeFetch((body) =>
      body.samples[0]?.id === '0-0' ? places(body) : new Promise(() => {}),
    );
    const reward = httpReward({ url, fetch, timeout: 50, batchSize: 2, concurrency: 1 });
    const [first, second, third, , fifth] = await reward(samples);
    expect([first, second]).toEqual([score(0), score(1)]);
    expect(third).toEqual(failure(expect.stringMatching(/did not answer in 50 ms/)));
    expect(fifth).toEqual(failure(expect.stringMatching(/did not get all samples in 50 ms/)));
    expect(asked).toHaveLength(2);
  });

  it('waits for headers() no longer, and throws what it can say of them', async () => {
    const forever = () => new Promise<Record<string, string>>(() => {});
    const { fetch, asked } = fakeFetch(places);
    await expect(httpReward({ url, fetch, headers: forever, timeout: 20 })(samples)).rejects.toMatchObject({
      ...{ retryable: true, message: expect.stringMatching(/headers\(\) for \S+ took more than 20 ms/) },
    });
    expect(asked).toEqual([]);
  });

  it('stops when the caller does, with the reason', async () => {
    const reason = new Error('the run ends');
    for (const make of [
      () => httpReward({ url, fetch: deaf }),
      () => httpReward({ url, fetch: endless(() => {}) }),
      () => httpReward({ url, fetch: deaf, headers: () => new Promise(() => {}) }),
    ]) {
      const controller = new AbortController();
      const call = make()(samples, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 5);
      await expect(call).rejects.toMatchObject({ code: 'aborted', cause: reason });
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    }
    const { fetch, asked } = fakeFetch(places);
    const before = httpReward({ url, fetch })(samples, { signal: AbortSignal.abort(reason) });
    await expect(before).rejects.toMatchObject({ code: 'aborted', cause: reason });
    expect(asked).toEqual([]);
  });

  it('closes the connection when the caller stops', async () => {
    const server = await startFaultServer(['silent', 'half-open']);
    const controller = new AbortController();
    const reward = httpReward({ url: server.url, batchSize: 3 });
    const call = reward(samples, { signal: controller.signal });
    await vi.waitFor(() => expect(server.done).toHaveLength(2));
    expect(server.pending()).toBe(2);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'aborted' });
    await server.close();
  });

  it('leaves no timer and no listener behind', async () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const clear = vi.spyOn(globalThis, 'clearTimeout');
    const { signal } = new AbortController();
    const good = fakeFetch(places);
    const bad = fakeFetch(() => new Response('', { status: 500 }));
    await httpReward({ url, fetch: good.fetch, timeout: 12_345 })(samples, { signal });
    await httpReward({ url, fetch: bad.fetch, timeout: 12_345 })(samples, { signal }).catch(() => {});
    const timers = set.mock.results
      .filter((_, i) => set.mock.calls[i]?.[1] === 12_345)
      .map(({ value }) => value);
    expect(timers).toHaveLength(2);
    for (const timer of timers) expect(clear).toHaveBeenCalledWith(timer);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('an answer', () => {
  it('is read up to `maxResponseBytes` and no further', async () => {
    const cancel = vi.fn();
    let pulled = 0;
    const pull = (controller: ReadableStreamDefaultController): void => {
      pulled++;
      controller.enqueue(new Uint8Array(100));
    };
    const fetch = async () => new Response(new ReadableStream({ pull, cancel }));
    await expect(httpReward({ url, fetch, maxResponseBytes: 1000 })(samples)).rejects.toMatchObject({
      ...{ retryable: false, message: expect.stringMatching(/more than 1000 bytes \(maxResponseBytes\)/) },
    });
    expect(pulled).toBeLessThan(20);
    expect(cancel).toHaveBeenCalledOnce();
    const { fetch: right } = fakeFetch(places);
    const size = JSON.stringify(places({ protocol: 1, samples: [{ id: '0-0' }] as never })).length;
    const [first] = samples as [Sample];
    expect(await httpReward({ url, fetch: right, maxResponseBytes: size })([first])).toEqual([score(0)]);
    await expect(httpReward({ url, fetch: right, maxResponseBytes: size - 1 })([first])).rejects.toThrow(
      /bytes/,
    );
  });

  it('is not read if it says that it is too long', async () => {
    const read = vi.fn();
    const stream = new ReadableStream({ pull: read }, { highWaterMark: 0 });
    const fetch = async () => new Response(stream, { headers: { 'content-length': '1001' } });
    await expect(httpReward({ url, fetch, maxResponseBytes: 1000 })(samples)).rejects.toThrow(/1000 bytes/);
    expect(read).not.toHaveBeenCalled();
  });

  it('may be nested as deeply as it likes', async () => {
    const depth = 100_000;
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const ask = (text: string) =>
      httpReward({ url, fetch: async () => new Response(text) })(samples.slice(0, 1));
    await expect(ask(deep)).rejects.toMatchObject({ name: 'RewardServiceError' });
    await expect(ask('"\\"'.repeat(100_000))).rejects.toMatchObject({ name: 'RewardServiceError' });
    const [result] = await ask(`{"results":[{"id":"0-0","score":${deep}}]}`);
    expect(result).toEqual(failure(expect.stringMatching(/has the score .*; expected a finite number/)));
  });

  it('may have NaN in it, which spoils one sample, and in words', async () => {
    const text = `{"results":[{"id":"0-0","score":NaN},{"id":"0-1","abstain":true,"reason":"NaN \\" NaN"},
      {"id":"0-2","score":-Infinity},{"id":"0-3","score":4}]}`;
    const fetch = async () => new Response(text);
    expect(await httpReward({ url, fetch })(samples.slice(0, 4))).toEqual([
      failure(expect.stringMatching(/has the score "NaN"/)),
      abstain('NaN " NaN'),
      failure(expect.stringMatching(/has the score "-Infinity"/)),
      score(4),
    ]);
  });

  it('may have characters that come in pieces', async () => {
    const bytes = new TextEncoder().encode(
      JSON.stringify({ results: [{ id: '0-0', abstain: true, reason: 'é€😀' }] }),
    );
    const stream = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    const fetch = async () => new Response(stream);
    expect(await httpReward({ url, fetch })(samples.slice(0, 1))).toEqual([abstain('é€😀')]);
  });
});

describe('options', () => {
  it.each<[object, RegExp]>([
    [{ url: 'nowhere' }, /url is no URL/],
    [{ url: 'file:///etc/passwd' }, /scheme file:/],
    [{ url, retries: 3 }, /no option 'retries'/],
    [{ url, timeout: 0 }, /timeout is 0/],
    [{ url, batchSize: 1.5 }, /batchSize is 1.5/],
    [{ url, concurrency: Number.POSITIVE_INFINITY }, /concurrency is Infinity/],
    [{ url, maxRequestBytes: -1 }, /maxRequestBytes is -1/],
    [{ url, maxResponseBytes: '1' }, /maxResponseBytes is 1,/],
    [{ url, insecure: 1 }, /insecure is 1/],
    [{ url, fields: ['prompt'] }, /fields is a object/],
  ])('refuse %j', (options, message) => {
    const make = () => httpReward(options as { url: string });
    expect(make).toThrow(expect.objectContaining({ code: 'value', message: expect.stringMatching(message) }));
  });
});
