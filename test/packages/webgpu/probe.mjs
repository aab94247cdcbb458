/** Prints the WebGPU adapter that Dawn finds as JSON, or null. */
import { create } from 'webgpu';

const adapter = await create([]).requestAdapter();
const { vendor, architecture, description, isFallbackAdapter } = adapter?.info ?? {};
console.log(JSON.stringify(adapter && { vendor, architecture, description, software: isFallbackAdapter }));
process.exit(0); // Dawn's threads would keep the process alive
