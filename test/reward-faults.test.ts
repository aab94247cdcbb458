/** A reward service that times out, lies about its protocol and dies: no score is ever made up, and every call ends. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewardEnsemble } from '../src/rewards/ensemble/ensemble.js';
import type { EnsembleResult } from '../src/rewards/ensemble/result.js';
import { httpReward } from '../src/rewards/http/index.js';
import type { HttpRewardOptions } from '../src/rewards/http/options.js';
import { type RewardResult, score } from '../src/rewards/reward.js';
import { FAULTS, type Fault, type FaultServer, startFaultServer, trueScore } from './support/fault-server.js';
import { rewardSamples, type SamplePrompt } from './support/reward-samples.js';

const samples = rewardSamples(2, 3);
const truth = samples.map(({ prompt, image }) => trueScore(prompt, image?.data as Uint8Array));

/** These end with the client's timeout. */
const HANGING: readonly Fault[] = ['silent', 'half-open'];
const ENDING = FAULTS.filter((fault) => !HANGING.includes(fault));
/** Milliseconds that nobody reaches. */
const LONG = 30_000;

/** One evaluation of the samples against a server with this schedule, which must be left by its client. */
async function evaluate(
  schedule: readonly Fault[],
  options: Partial<HttpRewardOptions<SamplePrompt>>,
): Promise<EnsembleResult & Pick<FaultServer, 'done' | 'received'>> {
  const server = await startFaultServer(schedule);
  const remote = httpReward<SamplePrompt>({ url: server.url, ...options });
  const result = await rewardEnsemble<SamplePrompt>({ remote }).evaluate(samples);
  await server.close(); // waits for ever if a connection is left open in the middle of something
  for (const { member, reason } of result.failures) {
    expect(member).toBe('remote');
    expect(reason).toContain(`httpReward: ${server.url}`);
    expect(reason).toMatch(/\/score\S* .{12,}/); // and a cause
  }
  return { ...result, done: server.done, received: server.received };
}

type Kind = RewardResult['kind'];

/** What the samples of one request deserve. */
function deserved(fault: Fault, count: number): Kind[] {
  const all = (kind: Kind): Kind[] => new Array<Kind>(count).fill(kind);
  switch (fault) {
    case 'ok':
    case 'shuffled':
    case 'slow':
      return all('score');
    case 'mixed':
      return all('score').map((kind, at) => (at % 3 === 0 ? kind : at % 3 === 1 ? 'abstain' : 'failure'));
    case 'nan':
    case 'infinite':
    case 'string':
    case 'null':
    case 'duplicate':
      return ['failure', ...all('score').slice(1)];
    case 'missing':
      return [...all('score').slice(1), 'failure'];
    default:
      return all('failure');
  }
}

/** By what the server did to which request; ids are `call-place`. */
function expectedKinds({ done, received }: Pick<FaultServer, 'done' | 'received'>): Kind[] {
  const kinds = samples.map((): Kind => 'failure');
  received.forEach(({ body }, request) => {
    const given = deserved(done[request] as Fault, body.samples.length);
    body.samples.forEach(({ id }, at) => {
      kinds[Number(id.split('-')[1])] = given[at] as Kind;
    });
  });
  return kinds;
}

function expectTrueScores(results: readonly RewardResult[]): void {
  results.forEach((result, place) => {
    if (result.kind === 'score') expect(result.value).toBe(truth[place]);
  });
}

const WORDS: Readonly<Partial<Record<Fault, RegExp>>> = {
  silent: /did not answer in 150 ms \(timeout, while waiting/,
  'half-open': /did not answer in 150 ms \(timeout, while reading/,
  cut: /could not be reached \(.*while reading/,
  dead: /could not be reached \(fetch failed: UND_ERR_SOCKET/,
  'status-400': /HTTP 400 \(it does not understand/,
  'status-500': /HTTP 500 \(it failed/,
  'status-503': /HTTP 503 \(it is too busy/,
  truncated: /characters that are no whole JSON/,
  html: /41 characters that are no whole JSON/,
  empty: /answered nothing/,
  nan: /has the score "NaN"; expected a finite number/,
  infinite: /has the score Infinity; expected a finite number/,
  string: /has the score "0.5"; expected a finite number/,
  null: /has the score null; expected a finite number/,
  missing: /has no result for sample 0-5/,
  duplicate: /has 2 results for sample 0-0/,
  unknown: /1 ids that were not asked for, such as "nobody"/,
  shifted: /6 ids that were not asked for, such as "old-0-0"/,
  positional: /has no result for sample 0-0, and 6 results without an id/,
  'other-protocol': /protocol: Invalid type: Expected 1 but received 2/,
  huge: /more than 1048576 bytes \(maxResponseBytes\)/,
  redirect: /redirects to another place \(HTTP 307\), which is not followed/,
  'redirect-away': /redirects to another place/,
  mixed: /: out of memory$/,
};

describe('a remote reward in an ensemble', () => {
  it('tells samples apart', () => {
    expect(new Set(truth).size).toBe(samples.length);
  });

  it.each(FAULTS)('survives a service that is %s', async (fault) => {
    const timeout = HANGING.includes(fault) ? 150 : LONG;
    const { results, failures, done, received } = await evaluate([fault], { timeout });
    const said = results.remote as readonly RewardResult[];
    expect(done).toEqual([fault]); // nothing is asked twice, and no redirect is followed
    expect(said.map(({ kind }) => kind)).toEqual(expectedKinds({ done, received }));
    expectTrueScores(said);
    const words = WORDS[fault];
    if (words) expect(failures[0]?.reason).toMatch(words);
    else expect(failures).toEqual([]);
  });

  const cut = fc.record({
    batchSize: fc.integer({ min: 1, max: 4 }),
    concurrency: fc.integer({ min: 1, max: 3 }),
  });

  it('gives what the service computed, sample by sample, and failures for the rest', async () => {
    const schedules = fc.array(fc.constantFrom(...ENDING), { maxLength: 6 });
    const run = async (
      schedule: Fault[],
      options: { batchSize: number; concurrency: number },
    ): Promise<void> => {
      const { results, done, received } = await evaluate(schedule, { ...options, timeout: LONG });
      const said = results.remote as readonly RewardResult[];
      expect(done).toHaveLength(Math.ceil(samples.length / options.batchSize));
      expect(said.map(({ kind }) => kind)).toEqual(expectedKinds({ done, received }));
      expectTrueScores(said);
    };
    await fc.assert(fc.asyncProperty(schedules, cut, run), { numRuns: 200, endOnFailure: true });
  }, 120_000);

  it('makes nothing up when it runs out of time', async () => {
    const schedules = fc.array(fc.constantFrom(...FAULTS, ...HANGING), { maxLength: 6 });
    const run = async (
      schedule: Fault[],
      options: { batchSize: number; concurrency: number },
    ): Promise<void> => {
      const { results, done, received } = await evaluate(schedule, { ...options, timeout: 80 });
      const expected = expectedKinds({ done, received });
      const said = results.remote as readonly RewardResult[];
      // On a slow machine the time may be up before a right answer is there.
      said.forEach(({ kind }, place) => {
        expect(['failure', expected[place]]).toContain(kind);
      });
      expectTrueScores(said);
    };
    await fc.assert(fc.asyncProperty(schedules, cut, run), { numRuns: 200, endOnFailure: true });
  }, 120_000);

  it('gives every score in the end, when it is asked again', async () => {
    // What may pass; a service that redirects or speaks another protocol will do so again.
    const passing = ENDING.filter((fault) => !/400|redirect|other-protocol|huge|mixed/.test(fault));
    const schedules = fc.array(fc.constantFrom(...passing), { maxLength: 6 });
    const run = async (
      schedule: Fault[],
      options: { batchSize: number; concurrency: number },
    ): Promise<void> => {
      const server = await startFaultServer(schedule);
      const reward = httpReward<SamplePrompt>({ url: server.url, ...options, timeout: LONG });
      const call = { retries: schedule.length, backoff: { first: 0, most: 0 } };
      const { results } = await rewardEnsemble<SamplePrompt>({ remote: { reward, call } }).evaluate(samples);
      await server.close();
      expect(results.remote).toEqual(truth.map((value) => score(value)));
    };
    await fc.assert(fc.asyncProperty(schedules, cut, run), { numRuns: 50, endOnFailure: true });
  }, 120_000);

  it('ends with the time limit of its member, which is a failure and no end of the run', async () => {
    for (const fault of HANGING) {
      const server = await startFaultServer([fault, fault]);
      const reward = httpReward<SamplePrompt>({ url: server.url });
      const call = { timeout: 60, retries: 1, backoff: { first: 0, most: 0 } };
      const { failures } = await rewardEnsemble<SamplePrompt>({ remote: { reward, call } }).evaluate(samples);
      await server.close();
      expect(server.done).toEqual([fault, fault]);
      expect(failures.map(({ reason }) => reason)).toEqual(samples.map(() => 'no answer within 60 ms'));
    }
  });

  it('fails for all samples when nobody is there', async () => {
    const server = await startFaultServer([]);
    await server.close();
    const remote = httpReward({ url: server.url, batchSize: 2 });
    const { total, failures } = await rewardEnsemble({ remote }).evaluate(samples);
    expect([...total]).toEqual(samples.map(() => Number.NaN));
    expect(failures.map(({ reason }) => reason)).toEqual(
      samples.map(
        () =>
          `httpReward: ${server.url} could not be reached (fetch failed: ECONNREFUSED, while waiting for its answer).`,
      ),
    );
  });
});
