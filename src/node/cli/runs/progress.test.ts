import { describe, expect, it } from 'vitest';
import { bar, clock, progressOutput } from './progress.js';

function stream(isTTY: boolean) {
  let text = '';
  return { isTTY, columns: 10, write: (more: string) => (text += more), text: () => text };
}

describe('progressOutput', () => {
  it('rewrites a line on a terminal, never longer than it', () => {
    const terminal = stream(true);
    const output = progressOutput(terminal);
    output.update('a line that is too long');
    output.print('done');
    output.emit({ a: 1 });
    output.update('more');
    output.clear();
    expect(terminal.text()).toBe('\r\u001b[2Ka line th\r\u001b[2Kdone\n\r\u001b[2Kmore\r\u001b[2K');
  });

  it('writes plain lines elsewhere, and objects only when asked for', () => {
    const pipe = stream(false);
    const output = progressOutput(pipe);
    output.update('…');
    output.print('done');
    output.clear();
    expect(pipe.text()).toBe('done\n');
    const machine = stream(true);
    const json = progressOutput(machine, { json: true });
    json.update('…');
    json.print('done');
    json.emit({ event: 'done' });
    expect(machine.text()).toBe('{"event":"done"}\n');
  });

  it('has bars and times', () => {
    expect([bar(0, 4), bar(0.5, 4), bar(2, 4)]).toEqual(['░░░░', '██░░', '████']);
    expect([clock(5), clock(65), clock(3725), clock(-1)]).toEqual(['0:05', '1:05', '1:02:05', '0:00']);
  });
});
