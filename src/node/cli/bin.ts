#!/usr/bin/env node
import { main } from './main.js';

// Who reads may go away (`bicot train … | head`); a training is not lost with its reader.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
