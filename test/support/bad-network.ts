/** A way to a server that can be slow, or cut while both ends believe that it stands. */
import { createServer, connect as dial, type Socket } from 'node:net';

export interface BadNetwork {
  readonly port: number;
  /** Everything takes that much longer, each way; 0 as it is. */
  slow(milliseconds: number): void;
  /** Nothing goes through, and nobody is told. */
  cut(): void;
  /** Things go through again, those that waited first. */
  mend(): void;
  close(): void;
}

/** @param port of the server, on this machine */
export async function badNetwork(port: number): Promise<BadNetwork> {
  const sockets = new Set<Socket>();
  let delay = 0;
  let mended: Promise<void> | undefined;
  let mend = (): void => {};
  /** In the order in which things came, whatever the delay is by now. */
  const way = (to: Socket): ((chunk: Buffer) => void) => {
    let last: Promise<void> = Promise.resolve();
    return (chunk) => {
      const due = performance.now() + delay;
      last = last.then(async () => {
        const left = due - performance.now();
        if (left > 0) await new Promise((done) => setTimeout(done, left));
        await mended;
        if (!to.destroyed) to.write(chunk);
      });
    };
  };
  const server = createServer((from) => {
    const to = dial(port, '127.0.0.1');
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      sockets.add(one);
      one.on('data', way(other));
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as { port: number }).port,
    slow(milliseconds) {
      delay = milliseconds;
    },
    cut() {
      mended ??= new Promise((done) => {
        mend = done;
      });
    },
    mend() {
      mended = undefined;
      mend();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
