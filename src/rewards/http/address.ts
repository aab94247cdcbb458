import { BicotError } from '../../errors.js';

/** Header names to values, or a function that fetches them when a call needs them. */
export type RewardHeaders =
  | Readonly<Record<string, string>>
  | (() => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>);

/** Where a service is, and what of it may be shown. */
export interface ServiceAddress {
  /** With its query string: for fetch alone. */
  readonly url: URL;
  /** Origin and path. */
  readonly shown: string;
  /** Whether requests stay on this machine or are encrypted. */
  readonly safe: boolean;
}

/**
 * Reads a service's URL.
 * @throws BicotError `value` unless it is an http(s) URL without credentials; the message never quotes it
 */
export function readAddress(what: string, text: unknown): ServiceAddress {
  const refuse = (wrong: string): BicotError => new BicotError('value', `${what}: url ${wrong}`);
  let url: URL;
  try {
    url = new URL(String(text));
  } catch {
    throw refuse(
      'is no URL (not shown, as it may hold secrets); expected one such as https://rewards.example/score.',
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refuse(`has the scheme ${url.protocol}; expected http: or https:.`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refuse(
      `of ${url.host} has credentials in it, which fetch refuses. Send them as a header: headers: { authorization: … }.`,
    );
  }
  url.hash = '';
  const safe = url.protocol === 'https:' || isLoopback(url.hostname);
  return { url, shown: `${url.origin}${url.pathname}`, safe };
}

/** The address below another, with its query: `/health`. */
export function below({ url, safe }: ServiceAddress, path: string): ServiceAddress {
  const lower = new URL(url);
  lower.pathname = `${url.pathname.replace(/\/$/, '')}${path}`;
  return { url: lower, safe, shown: `${lower.origin}${lower.pathname}` };
}

const isLoopback = (host: string): boolean =>
  host === '[::1]' || /^127(?:\.\d+){3}$/.test(host) || /^(?:.+\.)?localhost$/.test(host);

/** Names of headers that hold secrets. */
const SECRET_HEADER = /auth|cookie|token|key|secret|credential/i;

/**
 * The headers that a user gave, ready to be sent.
 * @throws BicotError `value` for headers that HTTP does not allow, or a secret that would go over the network unencrypted
 */
export function checkHeaders(
  what: string,
  given: Readonly<Record<string, string>>,
  address: ServiceAddress,
  insecure: boolean,
): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    try {
      headers.set(name, value);
    } catch {
      // The error that was thrown quotes the value.
      throw new BicotError(
        'value',
        `${what}: the header ${JSON.stringify(name)} has a name or a value (not shown) that HTTP does not allow. ` +
          'Look for line breaks and letters outside of Latin-1.',
      );
    }
    if (address.safe || insecure || !SECRET_HEADER.test(name)) continue;
    throw new BicotError(
      'value',
      `${what}: the header ${JSON.stringify(name)} would go to ${address.shown} unencrypted, for all on the way to read. ` +
        'Use https, or say `insecure: true` if the network is your own.',
    );
  }
  return headers;
}

/** The user and the password in a header of basic authentication. */
function decodedBasic(value: string): string {
  const [, encoded] = value.match(/^basic\s+(\S+)$/i) ?? [];
  if (encoded === undefined) return '';
  try {
    return atob(encoded);
  } catch {
    return ''; // not base64
  }
}

/** Takes secrets out of words that came from outside. */
export type Redact = (text: string) => string;

/** The same JSON with all its words redacted, and cut off where it is nested too deeply to be gone through. */
export function redactJson(value: unknown, redact: Redact, deeper = 20): unknown {
  if (typeof value === 'string') return redact(value);
  if (deeper === 0) return '…';
  if (Array.isArray(value)) return value.map((item) => redactJson(item, redact, deeper - 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redact(key), redactJson(item, redact, deeper - 1)]),
  );
}

/** Secrets shorter than this would take ordinary words along. */
const SHORTEST_SECRET = 4;

/** Hides what a service or the network may quote: values of headers, the URL's query string, credentials in any URL. */
export function redactor(address: ServiceAddress, headers: Headers): Redact {
  const secrets = new Set<string>();
  const add = (secret: string): void => {
    if (secret.length < SHORTEST_SECRET) return;
    secrets.add(secret);
    secrets.add(encodeURIComponent(secret));
  };
  headers.forEach((value) => {
    add(value);
    add(decodedBasic(value));
    for (const part of value.split(/[\s,;=]+/)) add(part); // 'Bearer abc', 'session=abc; other=def'
  });
  add(address.url.search.slice(1));
  address.url.searchParams.forEach(add);
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  return (text) => {
    const hidden = longestFirst.reduce((words, secret) => words.replaceAll(secret, '***'), text);
    return hidden
      .replace(/(https?:\/\/)[^\s/@]*@/g, '$1***@')
      .replace(/(https?:\/\/[^\s?]*)\?\S*/g, '$1?***');
  };
}
