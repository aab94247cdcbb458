import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CheckpointFolder } from './folder.js';
import { folderOf } from './folder-of.js';
import { memoryFolder } from './memory-folder.js';
import { openFolder } from './node-folder.js';
import { urlFolder } from './url-folder.js';

const BYTES = Uint8Array.from({ length: 100 }, (_, i) => i);

let directory: string;
let server: Server;
let url: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;

/** A server that does what it should. */
function serveFiles(request: IncomingMessage, response: ServerResponse): void {
  const name = decodeURIComponent((request.url as string).replace('/models/', ''));
  if (!readdirSync(directory).includes(name)) return void response.writeHead(404).end();
  const bytes = readFileSync(join(directory, name));
  const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
  if (first === undefined)
    return void response
      .writeHead(200, { 'content-length': bytes.length })
      .end(request.method === 'HEAD' ? undefined : bytes);
  if (Number(first) >= bytes.length) {
    return void response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  }
  const part = bytes.subarray(Number(first), Number(last) + 1);
  response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` }).end(part);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'bicot-folders-'));
  writeFileSync(join(directory, 'config.json'), BYTES);
  writeFileSync(join(directory, 'empty file.json'), '');
  answer = serveFiles;
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models/`;
});

afterEach(async () => {
  rmSync(directory, { recursive: true });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error as { code?: unknown }).code,
  );

describe.each<[string, () => CheckpointFolder]>([
  ['memory', () => memoryFolder({ 'config.json': BYTES, 'empty file.json': new Uint8Array(0) })],
  ['the disk', () => folderOf(directory)],
  ['the web', () => urlFolder(url, { files: ['config.json', 'empty file.json'] })],
])('a folder of %s', (_, open) => {
  it('lists, measures and reads', async () => {
    const folder = open();
    expect(await folder.list()).toEqual(['config.json', 'empty file.json']);
    expect(await folder.size('config.json')).toBe(100);
    expect(await folder.size('empty file.json')).toBe(0);
    expect(await folder.read('config.json', 0, 100)).toEqual(BYTES);
    expect(await folder.read('config.json', 7, 9)).toEqual(Uint8Array.of(7, 8));
    expect(await folder.read('config.json', 7, 7)).toEqual(new Uint8Array(0));
    expect(await folder.read('empty file.json', 0, 0)).toEqual(new Uint8Array(0));
  });

  it('gives arrays that nobody else has', async () => {
    const folder = open();
    const first = await folder.read('config.json', 0, 4);
    first.fill(99);
    expect(first.buffer.byteLength).toBe(4);
    expect(await folder.read('config.json', 0, 4)).toEqual(Uint8Array.of(0, 1, 2, 3));
  });

  it('refuses what is not there', async () => {
    const folder = open();
    expect(await code(folder.size('none'))).toBe('checkpoint');
    expect(await code(folder.read('none', 0, 1))).toBe('checkpoint');
    expect(await code(folder.read('config.json', 0, 101))).toBe('checkpoint');
    expect(await code(folder.read('config.json', 200, 201))).toBe('checkpoint');
    expect(await code(folder.read('config.json', 5, 4))).toBe('value');
    expect(await code(folder.read('config.json', -1, 4))).toBe('value');
    expect(await code(folder.read('config.json', 0, 0.5))).toBe('value');
    await expect(folder.read('config.json', 90, 120)).rejects.toThrow(
      /config\.json: bytes 90–120 were asked for/,
    );
    for (const name of ['../config.json', 'a/b', '..', '', 'a\0b', 'a\\b']) {
      expect(await code(folder.size(name)), name).toBe('checkpoint');
    }
  });
});

describe('a folder of the disk', () => {
  it('lists links, and neither folders nor what is missing', async () => {
    symlinkSync(join(directory, 'config.json'), join(directory, 'link.json'));
    symlinkSync(directory, join(directory, 'z'));
    const folder = openFolder(directory);
    expect(await folder.size('link.json')).toBe(100);
    await expect(openFolder(join(directory, 'none')).list()).rejects.toThrow(
      /none: it does not exist\. Pass the folder/,
    );
    await expect(openFolder(join(directory, 'config.json')).list()).rejects.toThrow(/it is not a folder/);
    await expect(folder.read('z', 0, 1)).rejects.toThrow(/it can't be read \(EISDIR|ends after/);
  });

  it('leaves no file open, whatever happens', async () => {
    if (process.platform !== 'linux') return;
    const open = (): number => readdirSync('/proc/self/fd').length;
    const folder = openFolder(directory);
    await folder.read('config.json', 0, 1);
    const before = open();
    const reads = Array.from({ length: 50 }, (_, i) => folder.read('config.json', i, i * 3).catch(() => {}));
    await Promise.all([
      ...reads,
      folder.size('none').catch(() => {}),
      folder.write('x', broken()).catch(() => {}),
    ]);
    expect(open()).toBe(before);
  });

  async function* broken(): AsyncGenerator<Uint8Array> {
    yield BYTES;
    throw new Error('the disk of somebody else is full');
  }

  it('writes a file whole or not at all', async () => {
    const folder = openFolder(join(directory, 'new', 'folder'));
    await folder.write('a.bin', [BYTES.subarray(0, 10), new Uint8Array(0), BYTES.subarray(10)]);
    expect(await folder.read('a.bin', 0, 100)).toEqual(BYTES);
    await expect(folder.write('a.bin', broken())).rejects.toThrow('the disk of somebody else is full');
    expect(await folder.list()).toEqual(['a.bin']);
    expect(await folder.read('a.bin', 0, 100)).toEqual(BYTES);
    expect(await code(folder.write('../a.bin', [BYTES]))).toBe('checkpoint');
    await expect(openFolder(join(directory, 'config.json')).write('a', [])).rejects.toThrow(
      /not a folder|can't be written/,
    );
  });

  it('needs a file system', () => {
    vi.stubGlobal('process', undefined);
    try {
      expect(() => openFolder('models')).toThrow(/no file system for models here.*In a browser pass a URL/);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('a folder of memory', () => {
  it('writes what others can read', async () => {
    const files = {};
    const piece = Uint8Array.of(1, 2);
    await memoryFolder(files).write('a', [piece, piece]);
    piece.fill(0);
    expect(files).toEqual({ a: Uint8Array.of(1, 2, 1, 2) });
  });
});

describe('a folder of the web', () => {
  it('finds the files that models have, and the shards of an index', async () => {
    const shards = { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors', c: 3 };
    writeFileSync(join(directory, 'model.safetensors.index.json'), JSON.stringify({ weight_map: shards }));
    const expected = ['config.json', shards.a, shards.b, 'model.safetensors.index.json'];
    const folder = folderOf(url);
    expect(await folder.list()).toEqual(expected);
    // Once is enough, and what is given away can't be changed.
    answer = (_, response) => void response.writeHead(500).end();
    (await folder.list()).pop();
    expect(await folder.list()).toEqual(expected);
  });

  it('is listed again after a failure', async () => {
    const folder = folderOf(url);
    answer = (_, response) => void response.writeHead(503).end();
    await expect(folder.list()).rejects.toThrow(/the server answers 503/);
    answer = (_, response) => void response.writeHead(401).end();
    await expect(folder.list()).rejects.toThrow(/no file with a usual name \(the server answers 401\)/);
    answer = serveFiles;
    expect(await folder.list()).toEqual(['config.json']);
    writeFileSync(join(directory, 'pytorch_model.bin.index.json'), 'no JSON');
    expect(await folderOf(url).list()).toEqual(['config.json', 'pytorch_model.bin.index.json']);
  });

  it.each<[string, (request: IncomingMessage, response: ServerResponse) => void, RegExp]>([
    [
      'answers with all of it',
      (_, response) => response.writeHead(200).end(BYTES),
      /does not answer requests for ranges/,
    ],
    [
      'answers with too much',
      (_, response) => response.writeHead(206).end(BYTES),
      /sends more than the 2 bytes asked for/,
    ],
    [
      'answers with too little',
      (_, response) => response.writeHead(206).end(BYTES.subarray(0, 1)),
      /it ends after 6/,
    ],
    ['refuses', (_, response) => response.writeHead(403).end(), /the server answers 403/],
    ['hangs up', (request) => request.socket.destroy(), /can't be fetched/],
    [
      'hangs up in the middle',
      (request, response) => {
        response.writeHead(206, { 'content-length': 2 });
        response.write(BYTES.subarray(0, 1), () => setTimeout(() => request.socket.destroy(), 20));
      },
      /the connection broke/,
    ],
  ])('whose server %s is refused', async (_, wrong, words) => {
    answer = wrong;
    const reading = urlFolder(url).read('config.json', 5, 7);
    await expect(reading).rejects.toThrow(words);
    expect(await code(reading)).toBe('checkpoint');
  });

  it('knows sizes where a browser hides the range', async () => {
    answer = (request, response) => {
      const isHead = request.method === 'HEAD';
      response
        .writeHead(isHead ? 200 : 206, isHead ? { 'content-length': 100 } : {})
        .end(isHead ? undefined : 'x');
    };
    expect(await urlFolder(url).size('config.json')).toBe(100);
    answer = (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end();
    await expect(urlFolder(url).size('config.json')).rejects.toThrow(/ranges of bytes/);
  });

  it('asks by the function that it is given', async () => {
    const asked: string[] = [];
    const folder = urlFolder('https://example.com/m', {
      fetch: async (address, init) => {
        asked.push(`${address} ${new Headers(init?.headers).get('range')}`);
        return new Response(BYTES.slice(3, 5), { status: 206 });
      },
    });
    expect(await folder.read('a b.json', 3, 5)).toEqual(Uint8Array.of(3, 4));
    expect(asked).toEqual(['https://example.com/m/a%20b.json bytes=3-4']);
  });
});

describe('folderOf', () => {
  it('tells addresses from paths, and gives folders back', () => {
    const own = memoryFolder();
    expect(folderOf(own)).toBe(own);
    expect(folderOf('HTTPS://example.com/m/').path).toBe('HTTPS://example.com/m');
    expect(folderOf('http').path).toBe('http');
  });
});
