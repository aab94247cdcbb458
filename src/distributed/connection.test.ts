import { describe, expect, it } from 'vitest';
import { addressOf, redisOptions } from './connection.js';
import { bullMqSettings } from './coordinator/options.js';
import { keysOf } from './wire/keys.js';

describe('where Redis is', () => {
  it.each([
    ['redis://a.example', { host: 'a.example', port: 6379 }, 'redis://a.example:6379'],
    [
      'rediss://u:p%40w@a.example:7/3',
      { username: 'u', password: 'p@w', db: 3, tls: {} },
      'rediss://a.example:7',
    ],
    ['redis://:pw@[::1]:6380', { host: '::1', password: 'pw' }, 'redis://::1:6380'],
    ['unix:///run/redis.sock', { path: '/run/redis.sock' }, 'unix:///run/redis.sock'],
  ])('%s', (url, options, address) => {
    expect(redisOptions(url)).toMatchObject(options);
    expect(addressOf(redisOptions(url))).toBe(address);
  });

  it.each(['http://a', 'a:6379:secret', 'redis://:secret@a/x', 'redis://:secret@a?db=1'])(
    'is not told by %s, which is not repeated',
    (url) => {
      expect(() => redisOptions(url)).toThrow(/can't be read; expected redis:/);
      expect(() => redisOptions(url)).not.toThrow(/secret/);
    },
  );
});

it('options that make no sense are refused right away', () => {
  const options = { connection: 'redis://a', queue: 'q' };
  const refused = (more: object) => () => bullMqSettings({ ...options, ...more });
  expect(refused({ queue: 'a b' })).toThrow(/queue is "a b"/);
  expect(() => keysOf('{x}')).toThrow(/a name of up to 64 letters/);
  expect(refused({ rowsPerTask: 0 })).toThrow(/rowsPerTask is 0/);
  expect(refused({ maxBytes: 2 ** 30 })).toThrow(/512 MiB/);
  expect(refused({ ttl: 5 })).toThrow(/ttl is 5/);
  expect(refused({ tasks: [] })).toThrow(/at least one of sample, score/);
  expect(refused({ conection: 1 })).toThrow(/no option 'conection'/);
});
