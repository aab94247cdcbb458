import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The version in bicot's package.json, which lies some folders above: in the package, and in the sources. */
export function packageVersion(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        readonly name?: string;
        readonly version: string;
      };
      if (name === 'bicot') return version;
    } catch (error) {
      if (dirname(folder) === folder) throw error;
    }
  }
}
