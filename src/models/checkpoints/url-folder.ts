import { firstLineOf, isBicotError } from '../../errors.js';
import { assertByteRange, assertFileName, checkpointError, endsEarly, FETCH_AGAIN } from './failure.js';
import type { CheckpointFolder } from './folder.js';

/** How a folder on the web is read. */
export interface UrlFolderOptions {
  /** Names of its files. Default: those of its indexes, and which of the usual names it answers to. */
  readonly files?: readonly string[];
  /** To add headers, retry, or cache. Default: the global one. */
  readonly fetch?: typeof fetch;
}

const INDEXES = ['model.safetensors.index.json', 'pytorch_model.bin.index.json'];

/** What folders of models hold besides shards. The web has no listing. */
const USUAL = [
  ...INDEXES,
  ...['model.safetensors', 'pytorch_model.bin', 'config.json', 'generation_config.json'],
  ...['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'],
  ...[
    'processor_config.json',
    'preprocessor_config.json',
    'adapter_model.safetensors',
    'adapter_config.json',
  ],
];

const ADVICE =
  'Check the address and that you may read it (CORS, in a browser), or fetch the folder to the disk.';

/**
 * A folder on the web, read-only, by requests for ranges of bytes.
 * @param url of the folder, e.g. `https://huggingface.co/OWNER/MODEL/resolve/main`
 * @throws BicotError `checkpoint` from its functions, for an address that does not answer, or not with ranges
 */
export function urlFolder(url: string, options: UrlFolderOptions = {}): CheckpointFolder {
  const path = url.replace(/\/+$/, '');
  const ask: Ask = async (file, init) => {
    assertFileName(path, file);
    const address = `${path}/${encodeURIComponent(file)}`;
    try {
      return await (options.fetch ?? fetch)(address, init);
    } catch (cause) {
      throw checkpointError(address, `it can't be fetched (${firstLineOf(cause)})`, ADVICE, cause);
    }
  };
  let listed: Promise<string[]> | undefined;
  return {
    path,
    list() {
      // Asked again only if it failed.
      listed ??= (options.files ? Promise.resolve([...options.files]) : findFiles(ask, path)).catch(
        (error) => {
          listed = undefined;
          throw error;
        },
      );
      return listed.then((files) => [...files]);
    },
    size: (file) => sizeOfFile(ask, `${path}/${file}`, file),
    async read(file, begin, end) {
      assertByteRange(`${path}/${file}`, begin, end);
      return begin === end ? new Uint8Array(0) : readRange(ask, `${path}/${file}`, file, begin, end);
    },
  };
}

type Ask = (file: string, init?: RequestInit) => Promise<Response>;

async function findFiles(ask: Ask, path: string): Promise<string[]> {
  const statuses = await Promise.all(
    USUAL.map(async (file) => {
      const { ok, status } = await ask(file, { method: 'HEAD' });
      // What is not there is 404, or 403 where nobody may know.
      const missing = status >= 400 && status < 500 && status !== 429;
      if (ok || missing) return status;
      throw checkpointError(`${path}/${file}`, `the server answers ${status}`, ADVICE);
    }),
  );
  const usual = USUAL.filter((_, i) => (statuses[i] as number) < 400);
  if (usual.length === 0) {
    const answers = [...new Set(statuses)].join(', ');
    throw checkpointError(path, `it has no file with a usual name (the server answers ${answers})`, ADVICE);
  }
  const indexes = INDEXES.filter((file) => usual.includes(file));
  const shards = await Promise.all(indexes.map((file) => shardsOf(ask, file)));
  return [...new Set([...usual, ...shards.flat()])].sort();
}

/** The files that an index names; none if it is none, which whoever reads it will say. */
async function shardsOf(ask: Ask, index: string): Promise<string[]> {
  const response = await ask(index);
  try {
    const { weight_map: map } = (await response.json()) as { weight_map: Record<string, unknown> };
    return Object.values(map).filter((file): file is string => typeof file === 'string');
  } catch {
    return [];
  }
}

async function sizeOfFile(ask: Ask, where: string, file: string): Promise<number> {
  const response = await ask(file, { headers: { Range: 'bytes=0-0' } });
  await response.body?.cancel();
  const { status, ok } = response;
  if (!ok && status !== 416) throw checkpointError(where, `the server answers ${status}`, ADVICE);
  if (status === 200) throw noRanges(where);
  const [, total] = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (total !== undefined) return Number(total);
  // A browser hides that header where the server does not expose it. Second choice: what HEAD counts may be compressed.
  const { headers } = await ask(file, { method: 'HEAD' });
  const length = headers.has('content-encoding') ? null : headers.get('content-length');
  if (length !== null) return Number(length);
  throw checkpointError(where, 'the server does not say how long it is', 'Let it expose Content-Range.');
}

async function readRange(
  ask: Ask,
  where: string,
  file: string,
  begin: number,
  end: number,
): Promise<Uint8Array> {
  const response = await ask(file, { headers: { Range: `bytes=${begin}-${end - 1}` } });
  if (response.status === 206) return readBody(response, where, begin, end);
  await response.body?.cancel();
  if (response.status === 416) throw endsEarly(where, begin, end, begin);
  if (!response.ok) throw checkpointError(where, `the server answers ${response.status}`, ADVICE);
  throw noRanges(where);
}

const noRanges = (where: string) =>
  checkpointError(
    where,
    'the server does not answer requests for ranges of bytes',
    'Serve the folder by one that does, or fetch it to the disk.',
  );

/** Never more than was asked for, whatever comes. */
async function readBody(response: Response, where: string, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let done = 0;
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (done + next.value.length > bytes.length) {
        await reader.cancel();
        throw checkpointError(
          where,
          `the server sends more than the ${bytes.length} bytes asked for`,
          FETCH_AGAIN,
        );
      }
      bytes.set(next.value, done);
      done += next.value.length;
    }
  } catch (cause) {
    if (isBicotError(cause)) throw cause;
    throw checkpointError(where, `the connection broke (${firstLineOf(cause)})`, 'Try again.', cause);
  }
  if (done < bytes.length) throw endsEarly(where, begin, end, begin + done);
  return bytes;
}
