import { once } from 'node:events';
import net from 'node:net';

export type RawAnswer = {
  /** 0 when the connection was ended without an answer. */
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The code of a JSON error. */
  code?: string;
};

const crlf = '\r\n';

/** The port of an address such as `http://127.0.0.1:3000`. */
export const portOf = (url: string): number => Number(new URL(url).port);

/** A request as bytes: every header as it is given, so that Host can be missing, doubled or wrong. */
export function toRequest(method: string, address: string, headers: string[], body: string | Buffer = ''): Buffer {
  const bytes = Buffer.from(body);
  const length = bytes.length > 0 ? [`Content-Length: ${bytes.length}`] : [];
  const head = [`${method} ${address} HTTP/1.1`, ...headers, ...length, '', ''].join(crlf);
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
}

/** The headers of a WebSocket handshake, Host and Origin apart. */
export const handshake = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];

/** Sends bytes on a connection of its own and resolves with the answer; a 101 is hung up at once. */
export function sendRaw(port: number, request: Buffer): Promise<RawAnswer> {
  const isHead = request.subarray(0, 5).toString() === 'HEAD ';
  return new Promise((resolve) => {
    const stream = net.connect(port, '127.0.0.1');
    let received = Buffer.alloc(0);
    const finish = () => {
      stream.destroy();
      resolve(toAnswer(received));
    };
    stream.on('connect', () => stream.write(request));
    stream.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isWhole(received, isHead)) finish();
    });
    stream.on('error', () => undefined);
    stream.on('close', finish);
  });
}

/** Sends a request to a server as bytes, with its Host; `headers` are the others. */
export function sendHttp(
  url: string,
  method: string,
  address: string,
  headers: string[] = [],
  body: string | Buffer = '',
): Promise<RawAnswer> {
  const port = portOf(url);
  return sendRaw(port, toRequest(method, address, [`Host: 127.0.0.1:${port}`, ...headers], body));
}

/** Opens a socket by hand and leaves it to the test which bytes follow. */
export async function openRaw(port: number, address = '/'): Promise<net.Socket> {
  const stream = net.connect(port, '127.0.0.1');
  stream.on('error', () => undefined);
  stream.write(toRequest('GET', address, [`Host: 127.0.0.1:${port}`, ...handshake]));
  const [first] = (await once(stream, 'data')) as [Buffer];
  if (!first.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`refused: ${String(first)}`);
  return stream;
}

/** A masked frame as a browser sends it; `first` is the byte of FIN, reserved bits and opcode. */
export function toFrame(first: number, payload: Buffer, { mask = true, length = payload.length } = {}): Buffer {
  const maskBit = mask ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([first, maskBit | length])
      : length < 65536
        ? Buffer.from([first, maskBit | 126, length >> 8, length & 255])
        : Buffer.concat([Buffer.from([first, maskBit | 127]), bigEndian(length)]);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(mask ? 4 : 0), payload]);
}

/** The code of the close frame that ends what a server sent, or 1006 when it only hung up. */
export async function closeCode(stream: net.Socket): Promise<number> {
  let received = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => (received = Buffer.concat([received, chunk])));
  // A peer that got its close frame hangs up only when it is answered.
  stream.on('data', () => received.includes(0x88) && stream.end());
  await once(stream, 'close');
  const at = received.indexOf(0x88);
  return at >= 0 && received.length >= at + 4 ? received.readUInt16BE(at + 2) : 1006;
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

function isWhole(received: Buffer, isHead: boolean): boolean {
  const end = received.indexOf(crlf + crlf);
  if (end < 0) return false;
  const { status, headers } = toAnswer(received);
  if (isHead || [101, 204, 304].includes(status)) return true;
  const length = headers['content-length'];
  return length !== undefined && received.length >= end + 4 + Number(length);
}

function toAnswer(received: Buffer): RawAnswer {
  const end = received.indexOf(crlf + crlf);
  if (end < 0) return { status: 0, headers: {}, text: '' };
  const [first = '', ...lines] = received.toString('latin1', 0, end).split(crlf);
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const text = received.toString('utf8', end + 4);
  return { status: Number(first.split(' ')[1]), headers, text, code: codeOf(text) };
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code;
  } catch {
    return undefined;
  }
}
