import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { BicotError, reasonOf } from '../../errors.js';
import { assertKnownOptions } from '../../options.js';
import { buildReportData } from './build-data.js';
import { reportHtml } from './html.js';
import { linkedPictures } from './picture-data.js';
import { pictureFile, readPicture } from './picture-files.js';
import { type RunRecord, runReader } from './read-run.js';
import type { ReportData } from './report-data.js';

/** Options of `serveReport`. */
export interface ServeReportOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Default: the names of the runs. */
  readonly title?: string;
}

/** A report that is served. */
export interface ServedReport {
  /** Where, e.g. `http://127.0.0.1:43117/`. */
  readonly url: string;
  /** Ends it. */
  readonly close: () => Promise<void>;
}

/** What a request is answered with. */
interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string | Uint8Array;
  readonly tag?: string;
}

const LOOPBACK = '127.0.0.1';
const FILES = ['config.json', 'metrics.jsonl', 'findings.jsonl', 'pictures.jsonl'];
const NOT_FOUND: Answer = { status: 404, type: 'text/plain', body: 'There is no such page.\n' };

/**
 * Serves a report that follows its runs, to this machine only: at 127.0.0.1, to requests that name it so. It has one page,
 * its data, and the pictures that the runs' own records name.
 * @param folders e.g. `runs/demo`
 * @throws BicotError `value` for a folder that is not there, options that make no sense, and a port that is taken
 */
export async function serveReport(
  folders: string | readonly string[],
  options: ServeReportOptions = {},
): Promise<ServedReport> {
  assertKnownOptions('serveReport', options, ['port', 'title']);
  const { port = 0, title } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new BicotError('value', `serveReport: port is ${port}, but must be a whole number up to 65535.`);
  }
  const follow = follower(typeof folders === 'string' ? [folders] : folders, title);
  await follow(); // A folder that is not there is said now.
  const server = createServer((request, response) => {
    respond(request, follow).then(
      (answer) => send(request, response, answer),
      (error: unknown) => {
        const body = `${reasonOf(error)}\n`;
        send(request, response, { status: 500, type: 'text/plain', body });
      },
    );
  });
  await new Promise<void>((done, fail) => {
    server.once('error', (cause) =>
      fail(
        new BicotError(
          'value',
          `serveReport: can't listen at port ${port} (${cause.message}). Name another, or none.`,
          { cause },
        ),
      ),
    );
    server.listen(port, LOOPBACK, done);
  });
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** The runs as they are now. */
interface Now {
  readonly records: readonly RunRecord[];
  readonly data: ReportData;
  readonly tag: string;
}

/** Reads the runs when their files have changed, one request after the other. */
function follower(folders: readonly string[], title: string | undefined): () => Promise<Now> {
  if (folders.length === 0) {
    throw new BicotError('value', 'serveReport: there is no run. Name the folder of one at least.');
  }
  const readers = folders.map((folder) => runReader(folder));
  let turn: Promise<unknown> = Promise.resolve();
  let now: (Now & { readonly stamp: string }) | undefined;

  const look = async (): Promise<Now> => {
    const stamp = await stampOf(folders);
    const time = Date.now();
    // The same files may say something else later: that nothing was written for a while.
    if (now?.stamp === stamp && time - now.data.madeAt < 10_000) return now;
    const records = await Promise.all(readers.map((read) => read()));
    const pictures = records.map((record, run) =>
      linkedPictures(record, ({ image }) => `pictures/${run}/${encodeURIComponent(image)}`),
    );
    const mode = { live: true, reloadSeconds: 0, now: time, ...(title !== undefined && { title }) };
    const data = buildReportData(records, pictures, mode);
    const { madeAt: _, ...told } = data;
    const tag = `"${createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 16)}"`;
    now = { records, data, tag, stamp };
    return now;
  };
  return () => {
    const next = turn.then(look, look);
    turn = next;
    return next;
  };
}

async function stampOf(folders: readonly string[]): Promise<string> {
  const paths = folders.flatMap((folder) => FILES.map((file) => join(folder, file)));
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return JSON.stringify(found.map((file) => file && [file.ino, file.size, file.mtimeMs]));
}

async function respond(request: IncomingMessage, follow: () => Promise<Now>): Promise<Answer> {
  const { method, headers, url = '/' } = request;
  const { localPort } = request.socket;
  // Another name that leads here is a page that wants to read over a person's shoulder (DNS rebinding).
  if (![`${LOOPBACK}:${localPort}`, `localhost:${localPort}`].includes(headers.host ?? '')) {
    const body = `This report is served at ${LOOPBACK}:${localPort}, and only under that name.\n`;
    return { status: 403, type: 'text/plain', body };
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, type: 'text/plain', body: 'This report can only be read.\n' };
  }
  const [path = '/'] = url.split('?');
  if (path === '/') return { status: 200, type: 'text/html', body: reportHtml((await follow()).data) };
  if (path === '/data.json') {
    const { data, tag } = await follow();
    return { status: 200, type: 'application/json', body: JSON.stringify(data), tag };
  }
  const [, run, image] = /^\/pictures\/(\d{1,4})\/([^/]+)$/.exec(path) ?? [];
  return run !== undefined && image !== undefined ? picture(await follow(), Number(run), image) : NOT_FOUND;
}

/** A picture that a record of the run names, and no other file. */
async function picture({ records }: Now, run: number, encoded: string): Promise<Answer> {
  const image = decoded(encoded);
  const record = records[run];
  if (record === undefined || !record.pictures.some((known) => known.image === image)) return NOT_FOUND;
  const file = await pictureFile(record.folder, image);
  const body = file === undefined ? undefined : await readPicture(file);
  if (body === undefined) return NOT_FOUND;
  const tag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  return { status: 200, type: 'image/png', body, tag };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function send({ method, headers }: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { type = 'text/plain', body = '', tag } = answer;
  const same = tag !== undefined && headers['if-none-match'] === tag;
  response.writeHead(same ? 304 : answer.status, {
    'Content-Type': type.startsWith('image/') ? type : `${type}; charset=utf-8`,
    'Cache-Control': tag === undefined ? 'no-store' : 'no-cache',
    ...(tag !== undefined && { ETag: tag }),
    'Content-Security-Policy': "frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  });
  response.end(same || method === 'HEAD' ? undefined : body);
}
