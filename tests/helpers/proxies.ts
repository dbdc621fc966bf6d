import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';

export type TestProxy = {
  port: number;
  /** `host:port` of each connection that was asked for, as it was asked for. */
  asked: string[];
  close: () => void;
};

/** Listens on loopback on a free port; `close` ends its connections too. */
export async function listenOn(server: net.Server): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => (server.close(), sockets.forEach((socket) => socket.destroy()));
  return { port: (server.address() as AddressInfo).port, close };
}

/** What a proxy does with a host, where it does not connect to it. */
export type Behaviours = Record<string, (socket: net.Socket) => void>;

/** An HTTP proxy for CONNECT, to which every name is this machine. */
export async function startConnectProxy(behaviours: Behaviours = {}): Promise<TestProxy> {
  const asked: string[] = [];
  const server = http.createServer().on('connect', (request: http.IncomingMessage, socket: net.Socket) => {
    asked.push(request.url!);
    const [host, port] = request.url!.split(':');
    const behave = behaviours[host!] ?? behaviours['*'];
    if (behave) return behave(socket);
    join(socket, Number(port), () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
  });
  return { asked, ...(await listenOn(server)) };
}

/** A SOCKS5 server (RFC 1928, 1929), to which every name is this machine; `refusal` is its reply to each connection. */
export async function startSocksProxy({ password, refusal }: { password?: string; refusal?: number } = {}) {
  const asked: string[] = [];
  const server = net.createServer((socket) => void serve(socket).catch(() => socket.destroy()));

  async function serve(socket: net.Socket): Promise<void> {
    const read = async () => ((await once(socket, 'data')) as [Buffer])[0];
    await read();
    socket.write(Buffer.from([5, password === undefined ? 0 : 2]));
    if (password !== undefined) {
      const credentials = await read();
      const isRight = credentials.toString('latin1').endsWith(`${String.fromCharCode(password.length)}${password}`);
      socket.write(Buffer.from([1, isRight ? 0 : 1]));
      if (!isRight) return void socket.end();
    }
    const request = await read();
    // Only a name, type 3, leaves it to the proxy to resolve.
    const isName = request[3] === 3;
    const host = isName ? request.toString('latin1', 5, 5 + request[4]!) : 'an address';
    const port = request.readUInt16BE(request.length - 2);
    asked.push(`${host}:${port}`);
    const reply = (code: number) => socket.write(Buffer.from([5, code, 0, 1, 127, 0, 0, 1, 0, 0]));
    if (refusal !== undefined) return void (reply(refusal), socket.end());
    join(socket, port, () => reply(0));
  }
  return { asked, ...(await listenOn(server)) } satisfies TestProxy;
}

function join(socket: net.Socket, port: number, onConnected: () => void): void {
  const vendor = net.connect(port, '127.0.0.1', onConnected);
  vendor.on('error', () => socket.destroy());
  socket.on('close', () => vendor.destroy());
  vendor.on('close', () => socket.destroy());
  socket.pipe(vendor).pipe(socket);
}
