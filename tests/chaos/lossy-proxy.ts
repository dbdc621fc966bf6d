import { createServer, connect, type AddressInfo } from 'node:net';

export type LossyProxy = {
  /** The address of the database behind the proxy. */
  uri: string;
  /** From now on a connection that asks for one of these commands is cut when its answer comes: done, and nobody knows. */
  loseAnswersTo: (...commands: string[]) => void;
  lost: () => number;
  close: () => void;
};

/** A way to a mongod on which answers can get lost. */
export async function startLossyProxy(target: string): Promise<LossyProxy> {
  const { hostname, port, pathname } = new URL(target);
  let commands: string[] = [];
  let lost = 0;
  const proxy = createServer((inside) => {
    const outside = connect(Number(port), hostname);
    let isLost = false;
    for (const socket of [inside, outside]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        inside.destroy();
        outside.destroy();
      });
    }
    inside.on('data', (chunk: Buffer) => {
      isLost = commands.some((command) => chunk.includes(`${command}\0`));
      outside.write(chunk);
    });
    outside.on('data', (chunk: Buffer) => {
      if (!isLost) return void inside.write(chunk);
      lost++;
      inside.destroy();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    uri: `mongodb://127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname}?directConnection=true`,
    loseAnswersTo: (...names) => (commands = names),
    lost: () => lost,
    close: () => proxy.close(),
  };
}
