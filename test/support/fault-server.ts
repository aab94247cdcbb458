/** A reward service that misbehaves by a schedule. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodePng } from '../../src/image/png.js';
import type { RewardAnswer, RewardRequest, RewardRequestSample } from '../../src/rewards/http/protocol.js';

/** What the server does to one request. `ok`, `shuffled`, `slow` and `mixed` keep the protocol. */
export const FAULTS = [
  'ok',
  'shuffled', // the right results, in another order
  'slow', // the right results, after SLOW_MS
  'mixed', // scores, abstentions and errors
  'silent', // no answer, ever
  'half-open', // headers and half of the body, and then nothing
  'cut', // the connection ends within the body
  'dead', // the connection ends before the answer
  'status-400',
  'status-500',
  'status-503', // asks to wait for 2 seconds
  'truncated', // half of the JSON, as if it were all
  'html',
  'empty',
  'nan', // NaN as Python writes it
  'infinite', // 1e999
  'string', // "0.5"
  'null',
  'missing', // the last sample's result is left out
  'duplicate', // the first sample has two results
  'unknown', // an id that was not asked for
  'shifted', // all results under the ids of a request before
  'positional', // bare scores without ids
  'other-protocol',
  'huge', // more than any client should read
  'redirect',
  'redirect-away',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Milliseconds before a slow answer. */
export const SLOW_MS = 20;
/** The size of a huge answer. */
export const HUGE_BYTES = 4 * 2 ** 20;

/** A running fault server. */
export interface FaultServer {
  readonly url: string;
  /** What was done to each request so far, in the order of their arrival. */
  readonly done: readonly Fault[];
  /** All headers and bodies of requests, for tests of what is sent. */
  readonly received: readonly {
    readonly headers: IncomingMessage['headers'];
    readonly body: RewardRequest;
  }[];
  /** Exchanges that are not over: neither answered nor given up by the client. */
  readonly pending: () => number;
  /** Waits until nothing is pending and every connection is closed by its client; it closes none that is in use. */
  readonly close: () => Promise<void>;
}

/** The one true score of a sample, by its pixels and its prompt; different for any two samples that differ in them. */
export function trueScore(prompt: unknown, pixels: ArrayLike<number>): number {
  let hash = 2166136261;
  const add = (value: number): void => {
    hash = Math.imul(hash ^ value, 16777619) >>> 0;
  };
  for (const character of JSON.stringify(prompt)) add(character.charCodeAt(0));
  for (let i = 0; i < pixels.length; i++) add(pixels[i] as number);
  return hash / 2 ** 32;
}

const answerOf = ({ id, prompt, image }: RewardRequestSample): { id: string; score: number } => ({
  id,
  score: trueScore(prompt, decodePng(Buffer.from(image as string, 'base64')).data),
});

/**
 * Starts a server on this machine.
 * @param schedule what it does to its first, second, … request; `ok` to all after the last
 */
export async function startFaultServer(schedule: readonly Fault[]): Promise<FaultServer> {
  const done: Fault[] = [];
  const received: { headers: IncomingMessage['headers']; body: RewardRequest }[] = [];
  let pending = 0;
  const server = createServer(async (request, response) => {
    pending++;
    response.on('close', () => pending--);
    try {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as RewardRequest;
      const fault = schedule[done.length] ?? 'ok';
      done.push(fault);
      received.push({ headers: request.headers, body });
      misbehave(fault, body, response);
    } catch {
      response.destroy(); // the client went away while it was sending
    }
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}/score`, done, received },
    pending: () => pending,
    close: async () => {
      await new Promise((closed) => server.close(closed));
      // A connection is closed a moment before its exchange is.
      while (pending > 0) await new Promise((later) => setTimeout(later, 1));
    },
  };
}

function misbehave(fault: Fault, { samples }: RewardRequest, response: ServerResponse): unknown {
  const json = { 'content-type': 'application/json' };
  const send = (text: string): unknown => response.writeHead(200, json).end(text);
  const right = samples.map(answerOf);
  const whole = (results: readonly unknown[]): string => JSON.stringify({ protocol: 1, results });
  const withFirst = (score: string): string => whole(right).replace(/"score":[^}]*/, `"score":${score}`);
  const text = whole(right);
  switch (fault) {
    case 'ok':
      return send(text);
    case 'shuffled':
      return send(whole([...right.slice(1), ...right.slice(0, 1)]));
    case 'slow':
      return setTimeout(() => send(text), SLOW_MS);
    case 'mixed':
      return send(whole(right.map(mixed)));
    case 'silent':
      return undefined;
    case 'half-open':
      return response.writeHead(200, json).write(text.slice(0, text.length / 2));
    case 'cut':
      response.writeHead(200, { ...json, 'content-length': text.length });
      return response.write(text.slice(0, text.length / 2), () => response.destroy());
    case 'dead':
      return response.destroy();
    case 'status-400':
    case 'status-500':
      return response.writeHead(Number(fault.slice(-3))).end('no');
    case 'status-503':
      return response.writeHead(503, { 'retry-after': '2' }).end('later');
    case 'truncated':
      return send(text.slice(0, text.length / 2));
    case 'html':
      return send('<!doctype html><title>Bad gateway</title>');
    case 'empty':
      return send('');
    case 'nan':
      return send(withFirst('NaN'));
    case 'infinite':
      return send(withFirst('1e999'));
    case 'string':
      return send(withFirst('"0.5"'));
    case 'null':
      return send(withFirst('null'));
    case 'missing':
      return send(whole(right.slice(0, -1)));
    case 'duplicate':
      return send(whole([...right, { ...(right[0] as RewardAnswer), score: 0.5 }]));
    case 'unknown':
      return send(whole([...right, { id: 'nobody', score: 1 }]));
    case 'shifted':
      return send(whole(right.map((answer) => ({ ...answer, id: `old-${answer.id}` }))));
    case 'positional':
      return send(whole(right.map(({ score }) => score)));
    case 'other-protocol':
      return send(JSON.stringify({ protocol: 2, results: right }));
    case 'huge':
      return send(`${text}${' '.repeat(HUGE_BYTES)}`);
    case 'redirect':
      return response.writeHead(307, { location: '/score' }).end();
    case 'redirect-away':
      return response.writeHead(307, { location: 'http://127.0.0.2:9/score' }).end();
  }
}

const mixed = ({ id, score }: { id: string; score: number }, place: number): RewardAnswer => {
  if (place % 3 === 1) return { id, abstain: true, reason: 'not mine' };
  return place % 3 === 2 ? { id, error: 'out of memory' } : { id, score };
};
