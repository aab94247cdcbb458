/** The one generator of seedrandom that is used; the package's main file would bring them all, and ask a page for Node's crypto. */
declare module 'seedrandom/lib/alea.js' {
  export default function alea(seed: string): {
    /** Uniform in [0, 1), with 32 bits. */
    quick(): number;
  };
}
