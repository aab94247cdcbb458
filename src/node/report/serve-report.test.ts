import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveReport } from 'bicot/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeDemoRun } from '../../../test/support/demo-run.mjs';
import type { ReportData } from './report-data.js';
import type { ServedReport } from './serve-report.js';

let folder: string;
let served: ServedReport;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bicot-serve-'));
  writeDemoRun(folder, { steps: 3, everyPictures: 1 });
  served = await serveReport(folder);
});
afterEach(async () => {
  await served.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** Asks with a path as it stands: fetch would tidy it up. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const { hostname, port } = new URL(served.url);
  return new Promise((done, fail) => {
    request({ hostname, port, path, headers, method }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('end', () =>
        done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    })
      .on('error', fail)
      .end();
  });
}

const data = async (): Promise<ReportData> => JSON.parse((await ask('/data.json')).body.toString());

describe('serveReport', () => {
  it('serves at 127.0.0.1 the page, its data and its pictures', async () => {
    expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await ask('/');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.body.toString()).toContain("connect-src 'self'");
    const source = (await data()).runs[0]?.tracked[0]?.pictures[0]?.source as string;
    const picture = await ask(`/${source}`);
    expect([picture.status, picture.headers['content-type']]).toEqual([200, 'image/png']);
    expect(picture.body).toEqual(
      readFileSync(join(folder, decodeURIComponent(source.split('/')[2] as string))),
    );
  });

  it('tells what is new, and says so when nothing is', async () => {
    const { headers } = await ask('/data.json');
    const tag = headers.etag as string;
    expect((await ask('/data.json', { 'If-None-Match': tag })).status).toBe(304);
    const line = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n')[2] as string;
    appendFileSync(join(folder, 'metrics.jsonl'), `${line.replace('"step":2', '"step":3')}\n`);
    expect((await ask('/data.json', { 'If-None-Match': tag })).status).toBe(200);
    expect((await data()).runs[0]?.headline.done).toBe(4);
  });

  it.each([
    ...[
      '/../../etc/passwd',
      '/pictures/0/..%2F..%2Fetc%2Fpasswd',
      '/pictures/0/%2Fetc%2Fpasswd',
      '/config.json',
    ],
    ...[
      '/pictures/0/config.json',
      '/pictures/7/pictures%2Fa.png',
      '/pictures/0/%E0%A4%A',
      '/metrics.jsonl',
      '//x',
    ],
  ])('has nothing at %s', async (path) => {
    const { status, body } = await ask(path);
    expect(status).toBe(404);
    expect(body.toString()).toBe('There is no such page.\n');
  });

  it('answers only who asks for it by its own name', async () => {
    const { port } = new URL(served.url);
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      '127.0.0.1',
      `127.0.0.1:1`,
      `127.0.0.1.evil:${port}`,
    ]) {
      expect((await ask('/data.json', { Host: host })).status, host).toBe(403);
    }
    expect((await ask('/data.json', { Host: `localhost:${port}` })).status).toBe(200);
  });

  it('can only be read, and not be framed or sniffed', async () => {
    expect((await ask('/', {}, 'POST')).status).toBe(405);
    expect((await ask('/', {}, 'HEAD')).body).toHaveLength(0);
    expect((await ask('/')).headers).toMatchObject({
      ...{ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' },
      'cross-origin-resource-policy': 'same-origin',
    });
    expect((await ask('/')).headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('says in words what is wrong', async () => {
    const port = Number(new URL(served.url).port);
    await expect(serveReport(folder, { port })).rejects.toThrow(/can't listen at port .*EADDRINUSE/);
    await expect(serveReport(folder, { port: 70_000 })).rejects.toThrow(/port is 70000/);
    await expect(serveReport(join(folder, 'nowhere'))).rejects.toThrow(/no folder/);
    await expect(serveReport([])).rejects.toThrow(/there is no run/);
    rmSync(folder, { recursive: true });
    const { status, body } = await ask('/data.json');
    expect([status, body.toString()]).toEqual([500, expect.stringMatching(/no folder/)]);
  });

  it('waits for a run that has not begun', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'bicot-empty-'));
    const { url, close } = await serveReport(empty);
    const { runs } = (await (await fetch(`${url}data.json`)).json()) as ReportData;
    expect(runs[0]?.headline).toMatchObject({ done: 0, state: 'waiting' });
    await close();
    rmSync(empty, { recursive: true });
  });
});
