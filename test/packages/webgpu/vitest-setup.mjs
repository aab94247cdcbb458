import { afterEach } from 'vitest';
import { assertNothingRefused } from './setup.mjs';

afterEach(assertNothingRefused);
