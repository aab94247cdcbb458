import type { PaperSettings } from './settings.js';
/** placeholder */
export async function writePages(_settings: PaperSettings, _runs: string, _out?: string): Promise<string[]> {
  return [];
}
