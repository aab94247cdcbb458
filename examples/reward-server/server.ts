/**
 * A reward service in Node: docs/rewards/http.md has the protocol, README.md how to run it.
 *
 *     npx tsx examples/reward-server/server.ts 8000
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';
import type { RgbImage } from 'bicot';
import { decodePng } from 'bicot/node';
import type { RewardAnswer, RewardRequest, RewardRequestSample, RewardResponse } from 'bicot/rewards/http';

/** A model: a finite number, the larger the better. It may take its time. */
export type Model = (prompt: unknown, image: RgbImage) => number | Promise<number>;

/** Likes bright pictures: their mean value, from 0 to 1. Your model goes in its place. */
export const brightness: Model = (_, { data }) =>
  data.reduce((sum, value) => sum + value, 0) / data.length / 255;

/** What is read of a request before it is refused. */
const MAX_BYTES = 64 * 2 ** 20;

/**
 * Starts a service on this machine alone.
 * @param port 0 for any that is free
 * @returns where it is, and how to stop it
 */
export async function startRewardServer(
  model: Model = brightness,
  port = 0,
): Promise<{ readonly url: string; readonly server: Server; readonly close: () => Promise<void> }> {
  const server = createServer(async (request, response) => {
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    try {
      if (request.method === 'GET' && request.url === '/health') {
        reply(200, { protocol: 1, name: model.name });
      } else if (request.method === 'POST' && request.url === '/') {
        reply(200, await answerAll(model, await readRequest(request)));
      } else reply(404, { error: 'POST samples to /, or GET /health' });
    } catch (error) {
      reply(400, { error: (error as Error).message });
    }
  });
  await new Promise<void>((ready) => server.listen(port, '127.0.0.1', ready));
  const close = (): Promise<void> => new Promise((done) => server.close(() => done()));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server, close };
}

async function readRequest(request: IncomingMessage): Promise<RewardRequest> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  const body = JSON.parse(Buffer.concat(parts).toString('utf8')) as RewardRequest;
  if (body.protocol !== 1 || !Array.isArray(body.samples))
    throw new Error('expected { protocol: 1, samples: […] }');
  return body;
}

async function answerAll(model: Model, { samples }: RewardRequest): Promise<RewardResponse> {
  return { protocol: 1, results: await Promise.all(samples.map((sample) => answer(model, sample))) };
}

/** One bad sample is no reason to lose the others. */
async function answer(model: Model, { id, prompt, image }: RewardRequestSample): Promise<RewardAnswer> {
  if (image === undefined) return { id, abstain: true, reason: 'there is no picture' };
  try {
    return { id, score: await model(prompt, decodePng(Buffer.from(image, 'base64'))) };
  } catch (error) {
    return { id, error: (error as Error).message };
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { url } = await startRewardServer(brightness, Number(process.argv[2] ?? 8000));
  console.log(`rewards at ${url}`);
}
