import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from './main.js';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const printed: string[] = [];
const complained: string[] = [];

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation((line) => void printed.push(String(line)));
  vi.spyOn(console, 'error').mockImplementation((line) => void complained.push(String(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  printed.length = 0;
  complained.length = 0;
});

describe('the bicot command', () => {
  it.each([
    [['--help'], /^usage: bicot COMMAND.*\n[\s\S]*install-native +builds/],
    [['--version'], new RegExp(`^${version}$`)],
    [
      ['install-native', '--help'],
      /--gpu .*not yet run on a GPU[\s\S]*--tf VERSION .*2\.21\.0[\s\S]*apt install/,
    ],
    [['doctor', '--help'], /^usage: bicot doctor/],
    [['report', '--help'], /^usage: bicot report RUN\.\.\.[\s\S]*--out FILE/],
    [['watch', '--help'], /^usage: bicot watch RUN\.\.\.[\s\S]*--port PORT[\s\S]*--redis URL/],
    [['worker', '--help'], /^usage: bicot worker --config FILE[\s\S]*--kinds LIST[\s\S]*drained/],
  ])('answers %o', async (args, answer) => {
    expect(await main(args)).toBe(0);
    expect(printed.join('\n')).toMatch(answer);
    expect(complained).toEqual([]);
  });

  it('says what there is when it is asked for nothing', async () => {
    expect(await main([])).toBe(2);
    expect(printed.join('\n')).toMatch(/^usage: bicot/);
  });

  it.each([
    [['instal-native'], /no command 'instal-native'.*doctor, install-native/],
    [['toString'], /no command 'toString'/],
    [['--verbose'], /no option '--verbose'/],
    [['install-native', '--gqu'], /install-native: Unknown option '--gqu'\. .*--help/],
    [['install-native', '--tf'], /install-native: Option '--tf <value>' argument missing/],
    [['install-native', 'gpu'], /install-native: Unexpected argument 'gpu'/],
    [['doctor', '--backend'], /doctor: Option '--backend <value>' argument missing/],
    [['report'], /report: of which run\?/],
    [['report', 'runs/a', '--uot', 'b'], /report: Unknown option '--uot'/],
    [['watch'], /watch: which run\?/],
    [['watch', 'runs/a', '--port', '80000'], /--port is '80000'/],
  ])('does not understand %o, in words', async (args, message) => {
    expect(await main(args)).toBe(2);
    expect(complained.join('\n')).toMatch(message);
    expect(printed).toEqual([]);
  });

  it.each([
    [['install-native', '--project', '/nowhere'], /no folder \/nowhere/],
    [['doctor', '--backend', 'cuda'], /Unknown backend 'cuda'/],
    [['report', '/nowhere'], /no folder \/nowhere/],
    [['watch', '/nowhere'], /no folder \/nowhere/],
  ])('fails in words: %o', async (args, message) => {
    expect(await main(args)).toBe(1);
    expect(complained.join('\n')).toMatch(message);
  });

  it('starts the backend that doctor is asked for', async () => {
    expect(await main(['doctor', '--backend', 'cpu', '--kinds', 'vq'])).toBe(0);
    expect(printed.join('\n')).toMatch(/^cpu +plain JavaScript/m);
  });
});
