import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

type Options = {
  /** Every connection is ended at once. */
  isClosed?: boolean;
  /** Connections are taken and nothing is answered. */
  isSilent?: boolean;
  /** What the database says of itself in `hello`: 9 is MongoDB 4.4, 13 is 5.0. */
  maxWireVersion?: number;
  /** The database goes away when it is asked this: the connections are cut, and it is closed until `open`. */
  cutsAt?: (command: string, body: Buffer) => boolean;
};

export type DatabaseProxy = {
  uri: string;
  cutsAt: NonNullable<Options['cutsAt']>;
  /** From now on everything passes. */
  open: () => void;
  /** How many connections were refused. */
  refused: () => number;
  close: () => void;
};

/** A way to a mongod that can be away, silent, cut at one command, or give itself out as an older one. */
export async function startDatabaseProxy(target: string, options: Options = {}): Promise<DatabaseProxy> {
  const { hostname, port, pathname } = new URL(target);
  const { isSilent, maxWireVersion } = options;
  let isClosed = options.isClosed ?? false;
  let cutsAt = options.cutsAt ?? (() => false);
  let refused = 0;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };

  const server = createServer((inside) => {
    keep(inside);
    if (isSilent) return;
    if (isClosed) {
      refused++;
      return void inside.destroy();
    }
    const outside = connect(Number(port), hostname);
    keep(outside);
    inside.on('close', () => outside.destroy());
    outside.on('close', () => inside.destroy());
    inside.on('data', (chunk: Buffer) => {
      if (cutsAt(commandOf(chunk), chunk)) {
        isClosed = true;
        return sockets.forEach((socket) => socket.destroy());
      }
      outside.write(chunk);
    });
    outside.on('data', (chunk: Buffer) => inside.write(maxWireVersion ? pretend(chunk, maxWireVersion) : chunk));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    uri: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}?directConnection=true`,
    cutsAt,
    open: () => {
      isClosed = false;
      cutsAt = () => false;
    },
    refused: () => refused,
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

/** The name of the command of an OP_MSG: header (16), flags (4), kind (1), length (4), type of the first field (1), its name. */
function commandOf(message: Buffer): string {
  const from = 26;
  const to = message.indexOf(0, from);
  return to < 0 ? '' : message.toString('latin1', from, to);
}

/** The field is a 32-bit integer, so that another value has the same length. */
function pretend(chunk: Buffer, maxWireVersion: number): Buffer {
  const key = Buffer.from('\x10maxWireVersion\0', 'latin1');
  const at = chunk.indexOf(key);
  if (at >= 0) chunk.writeInt32LE(maxWireVersion, at + key.length);
  return chunk;
}
