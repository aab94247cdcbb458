import { expect, it } from 'vitest';
import { reportOf } from './finding.js';
import { formatReport } from './format-report.js';

it('a report is a verdict and one line a check, with what to do below', () => {
  const checks = [
    { check: 'variables', passed: true, level: 'ok' as const, detail: '4 variables' },
    { check: 'shapes', passed: true, level: 'ok' as const, detail: '[3, 5, 9]', space: 'text' },
    {
      ...{ check: 'determinism', passed: false, level: 'error' as const, space: 'image' },
      ...{ detail: 'two calls differ by 1e-2', suggestion: 'Switch dropout off.' },
    },
    { check: 'causality', passed: true, level: 'note' as const, detail: 'not measured', space: 'image' },
    {
      ...{ check: 'guidance', passed: true, level: 'warning' as const, space: 'image' },
      ...{ detail: 'does nothing', suggestion: 'Drop the condition.' },
    },
  ];
  expect(formatReport(reportOf(checks))).toBe(
    [
      'failed: 1 of 5 checks, 1 warning',
      '',
      '✓ variables           4 variables',
      '✓ shapes       text   [3, 5, 9]',
      '✗ determinism  image  two calls differ by 1e-2',
      '                      → Switch dropout off.',
      '· causality    image  not measured',
      '! guidance     image  does nothing',
      '                      → Drop the condition.',
    ].join('\n'),
  );
});

it('without spaces or members there is no column for them', () => {
  const checks = [{ check: 'speed', passed: true, level: 'note' as const, detail: 'fast' }];
  expect(formatReport(reportOf(checks))).toBe('passed: 1 check\n\n· speed  fast');
});
