import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import { Worker } from 'node:worker_threads';
import { eventually, uploadPicture } from '../helpers/generating';
import { startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';
import { changeStored } from '../helpers/stored';
import { closeCode, handshake, openRaw, portOf, sendHttp, sendRaw, toFrame, toRequest } from '../helpers/wire';

const kibibyte = 1024;
const maxFrameBytes = 256 * kibibyte;
const maxBodyBytes = 256 * kibibyte;
const maxSockets = 256;
const headersWithinMs = 10_000;
/** The clock of the connections ticks every 2 s, and this machine may be busy. */
const toleranceMs = 4000;
const isFull = process.env.FUZZ === 'full';
const floodMessages = isFull ? 100_000 : 20_000;
const floodWithinMs = isFull ? 300_000 : 30_000;
const slowReaders = 20;

let server: TestServer;
let impatient: TestServer;
let tab: TestSocket;
let lateHeads: Promise<number>[];
let stalledUploads: ReturnType<typeof sendRaw>[];

beforeAll(async () => {
  [server, impatient] = await Promise.all([startServer(), startServer({ WS_HEARTBEAT_MS: '700' })]);
  tab = await connect(server.wsUrl);
  // These three take ten seconds, so they run beside the other tests; the last but one looks at them.
  const unfinished = `GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: `;
  lateHeads = [
    endOf(portOf(server.url), unfinished),
    endOf(portOf(server.wsUrl), unfinished),
    endOf(portOf(server.url), ''),
  ];
  stalledUploads = Array.from({ length: 8 }, () => sendRaw(portOf(server.url), stalledUpload()));
  expect(await uploadPicture(server)).toMatch(/^uploads\/images\//);
});

afterAll(async () => {
  expect(await impatient.stop()).toBe(0);
  server.child.kill('SIGKILL');
});

/** An upload that stops in the middle of its picture. */
function stalledUpload(): Buffer {
  const part = 'Content-Disposition: form-data; name="image"; filename="a.png"\r\nContent-Type: image/png';
  const body = `--cut\r\n${part}\r\n\r\n\x89PNG`;
  const { host } = new URL(server.url);
  const headers = [`Host: ${host}`, 'Content-Type: multipart/form-data; boundary=cut', 'Content-Length: 5000'];
  return Buffer.concat([toRequest('POST', '/api/upload/image', headers), Buffer.from(body, 'latin1')]);
}

/** How long the server holds a connection that says this much and then one letter a second, in milliseconds. */
async function endOf(port: number, first: string): Promise<number> {
  const stream = net.connect(port, '127.0.0.1');
  stream.on('error', () => undefined).resume();
  await once(stream, 'connect');
  const startMs = performance.now();
  if (first) stream.write(first);
  const drip = setInterval(() => first && stream.write('a'), 1000);
  await once(stream, 'close');
  clearInterval(drip);
  return performance.now() - startMs;
}

const http = (method: string, address: string, headers?: string[], body?: string | Buffer) =>
  sendHttp(server.url, method, address, headers, body);

const isWorking = async () => {
  expect(await tab.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({
    type: 'workspace.reorder_confirm',
  });
};

describe('a frame', () => {
  const reorder = (bytes: number) => {
    const text = JSON.stringify({ type: 'workspace.reorder', request_id: 'large', workspace_ids: [] });
    return text + ' '.repeat(bytes - text.length);
  };

  test('a frame of exactly 256 KiB is answered', async () => {
    const socket = await connect(server.wsUrl);
    socket.send(reorder(maxFrameBytes));
    expect(await socket.next(({ request_id }) => request_id === 'large')).toMatchObject({
      type: 'workspace.reorder_confirm',
    });
    socket.close();
  });

  test('a frame of one byte more ends the connection with 1009', async () => {
    const socket = await connect(server.wsUrl);
    socket.send(reorder(maxFrameBytes + 1));
    expect(await socket.closed).toBe(1009);
  });

  test('a frame of binary data ends the connection with 1003', async () => {
    const socket = await connect(server.wsUrl);
    socket.socket.send(Buffer.from('{"type":"workspace.reorder","workspace_ids":[]}'), { binary: true });
    expect(await socket.closed).toBe(1003);
    expect(socket.frames).toEqual([]);
  });

  const text = 0x81;
  const firstPart = 0x01;
  const nextPart = 0x00;
  const lastPart = 0x80;
  const close = 0x88;
  const closing = (code: number, reason: Buffer = Buffer.alloc(0)) =>
    toFrame(close, Buffer.concat([Buffer.from([code >> 8, code & 255]), reason]));
  const word = Buffer.from('{"type":"x"}');
  const invalidText = Buffer.from([0x22, 0xff, 0xfe, 0x22]);

  test.each<[string, number, Buffer | Buffer[]]>([
    ['without a mask', 1002, toFrame(text, word, { mask: false })],
    ['with the first reserved bit', 1002, toFrame(text | 0x40, word)],
    ['with the second reserved bit', 1002, toFrame(text | 0x20, word)],
    ['with the third reserved bit', 1002, toFrame(text | 0x10, word)],
    ['with opcode 3', 1002, toFrame(0x83, word)],
    ['with opcode 11', 1002, toFrame(0x8b, word)],
    ['that pings in two parts', 1002, toFrame(0x09, word)],
    ['that pings with 126 bytes', 1002, toFrame(0x89, Buffer.alloc(126))],
    ['that continues nothing', 1002, toFrame(lastPart, word)],
    ['that starts anew inside another', 1002, [toFrame(firstPart, word), toFrame(text, word)]],
    ['of invalid UTF-8', 1007, toFrame(text, invalidText)],
    ['of invalid UTF-8 in two parts', 1007, [toFrame(firstPart, word), toFrame(lastPart, invalidText)]],
    ['that closes with code 999', 1002, closing(999)],
    ['that closes with code 1006', 1002, closing(1006)],
    ['that closes with half a code', 1002, toFrame(close, Buffer.from([3]))],
    ['that closes with invalid UTF-8', 1007, closing(1000, invalidText)],
    ['that announces 1 GiB', 1009, toFrame(text, word, { length: 1024 ** 3 })],
    ['that announces 2^53 - 1 bytes', 1009, toFrame(text, word, { length: Number.MAX_SAFE_INTEGER })],
    ['of binary data by hand', 1003, toFrame(0x82, word)],
    [
      'of 256 KiB and a byte in two parts',
      1009,
      [toFrame(firstPart, Buffer.alloc(maxFrameBytes, 0x20)), toFrame(lastPart, Buffer.from(' '))],
    ],
  ])('a frame %s ends its connection with %d and nothing else', async (_name, code, frames) => {
    const stream = await openRaw(portOf(server.wsUrl));
    const ended = closeCode(stream);
    stream.write(Buffer.concat([frames].flat()));
    expect(await ended).toBe(code);
    await isWorking();
  });

  test('a frame in 300 000 parts of one byte ends its connection and takes no memory', async () => {
    const before = await residentBytes(server.child.pid!);
    const stream = await openRaw(portOf(server.wsUrl));
    const ended = closeCode(stream);
    const part = toFrame(nextPart, Buffer.from(' '));
    stream.write(toFrame(firstPart, Buffer.from('"')));
    stream.write(Buffer.concat(Array.from({ length: 300_000 }, () => part)));
    expect([1008, 1009, 1006]).toContain(await ended);
    expect((await residentBytes(server.child.pid!)) - before).toBeLessThan(64 * 1024 ** 2);
    await isWorking();
  });

  test('a frame is never compressed, also for a client that asks for it', async () => {
    const port = portOf(server.wsUrl);
    const asked = [...handshake, 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'];
    const answer = await sendRaw(port, toRequest('GET', '/', [`Host: 127.0.0.1:${port}`, ...asked]));
    expect(answer.status).toBe(101);
    expect(answer.headers['sec-websocket-extensions']).toBeUndefined();
  });
});

describe('a handshake', () => {
  const wrong = (line: string, instead?: string) =>
    handshake.flatMap((header) => (header.startsWith(line) ? (instead ? [instead] : []) : [header]));

  test.each([
    ['of an unknown version', 'GET', wrong('Sec-WebSocket-Version', 'Sec-WebSocket-Version: 12')],
    ['without a version', 'GET', wrong('Sec-WebSocket-Version')],
    ['without a key', 'GET', wrong('Sec-WebSocket-Key')],
    ['with a key that is none', 'GET', wrong('Sec-WebSocket-Key', 'Sec-WebSocket-Key: short')],
    ['by POST', 'POST', handshake],
    ['for another protocol', 'GET', wrong('Upgrade', 'Upgrade: h2c')],
  ])('a handshake %s is refused in JSON on both doors', async (_name, method, headers) => {
    for (const [port, address] of [
      [portOf(server.wsUrl), '/'],
      [portOf(server.url), '/ws'],
    ] as const) {
      const answer = await sendRaw(port, toRequest(method, address, [`Host: 127.0.0.1:${port}`, ...headers]));
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.headers['content-type']).toMatch(/^application\/json/);
      expect(answer.code).toEqual(expect.any(String));
    }
  });

  test('a handshake at another path of the HTTP port is 404', async () => {
    for (const address of ['/', '/wss', '/ws/', '/api/workspaces']) {
      expect(await http('GET', address, handshake)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    }
    expect(await http('GET', '/ws?tab=1', handshake)).toMatchObject({ status: 101 });
  });
});

describe('a body', () => {
  const json = ['Content-Type: application/json'];
  const ofBytes = (bytes: number) => {
    const text = JSON.stringify({ workspace_id: '0'.repeat(24) });
    return text + ' '.repeat(bytes - text.length);
  };
  const inChunks = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const chunked = (text: string) =>
    sendRaw(
      portOf(server.url),
      Buffer.concat([
        toRequest('POST', '/api/generate/cancel', ['Host: localhost', ...json, 'Transfer-Encoding: chunked']),
        Buffer.from(inChunks(text)),
      ]),
    );

  test('a body of exactly 256 KiB is read', async () => {
    const body = ofBytes(maxBodyBytes);
    expect(await http('POST', '/api/generate/cancel', json, body)).toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    expect(await chunked(body)).toMatchObject({ status: 404, code: 'WORKSPACE_NOT_FOUND' });
  });

  test('a body of one byte more is 413', async () => {
    const body = ofBytes(maxBodyBytes + 1);
    const tooLarge = { status: 413, code: 'BODY_TOO_LARGE' };
    expect(await http('POST', '/api/generate/cancel', json, body)).toMatchObject(tooLarge);
    expect(await chunked(body)).toMatchObject(tooLarge);
  });

  const routes = ['/api/generate/video', '/api/generate/cancel', '/api/ai/suggest'];
  test.each(routes.map((route) => [route]))('a body of %s must be application/json', async (route) => {
    const refused = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' };
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/json',
      'application/jsonp',
      'application/json, text/plain',
      'text/plain; application/json',
      'application/json; charset=iso-8859-1',
    ]) {
      expect([type, await http('POST', route, [`Content-Type: ${type}`], '{}')]).toEqual([
        type,
        expect.objectContaining(refused),
      ]);
    }
    expect(await http('POST', route, [], '{}')).toMatchObject(refused);
    expect(await http('POST', route, [...json, 'Content-Encoding: compress'], '{}')).toMatchObject(refused);
    for (const type of ['application/json', 'Application/JSON; charset=UTF-8']) {
      expect(await http('POST', route, [`Content-Type: ${type}`], '{}')).toMatchObject({ code: 'INVALID_INPUT' });
    }
  });

  test('a body of an upload must be multipart/form-data', async () => {
    for (const type of ['application/json', 'image/png', 'application/octet-stream', 'multipart/mixed; boundary=x']) {
      expect(await http('POST', '/api/upload/image', [`Content-Type: ${type}`], '{}')).toMatchObject({
        status: 415,
        code: 'UNSUPPORTED_MEDIA_TYPE',
      });
    }
  });

  test.each(['{', '', 'nonsense', '{"workspace_id":}', "{'a':1}", '{} {}'])('a body of %j is no JSON', async (body) => {
    const answer = await http('POST', '/api/generate/cancel', [...json, ...(body ? [] : ['Content-Length: 0'])], body);
    expect(answer.status).toBe(400);
    expect(answer.code).toMatch(/^INVALID_(JSON|INPUT)$/);
  });

  test.each(['null', '[]', '1', '"text"', 'true', '[{}]'])('a body of %j is no object', async (body) => {
    expect(await http('POST', '/api/generate/cancel', json, body)).toMatchObject({
      status: 400,
      code: 'INVALID_INPUT',
    });
  });
});

describe('a preflight', () => {
  const preflight = (address: string, headers: string[]) =>
    http('OPTIONS', address, ['Access-Control-Request-Method: POST', ...headers]);

  test('a preflight of a listed origin is answered for it alone, without credentials', async () => {
    const origin = 'http://localhost:5173';
    const headers = [`Origin: ${origin}`, 'Access-Control-Request-Headers: content-type,idempotency-key'];
    for (const address of ['/api/generate/video', '/api/upload/image', '/api/workspaces', '/uploads/images/none.png']) {
      const answer = await preflight(address, headers);
      expect(answer.status).toBe(204);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
      expect(answer.headers['access-control-allow-methods']).toMatch(/POST/);
      expect(answer.headers['access-control-allow-headers']?.toLowerCase()).toContain('idempotency-key');
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
      expect(answer.headers.vary?.toLowerCase()).toContain('origin');
    }
  });

  test.each(['https://evil.example', 'null', 'http://localhost.evil.example', ''])(
    'a preflight of the origin %j is refused and allows nothing',
    async (origin) => {
      const answer = await preflight('/api/generate/video', [`Origin: ${origin}`]);
      expect(answer).toMatchObject({ status: 403, code: 'ORIGIN_NOT_ALLOWED' });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
      expect(answer.headers.vary?.toLowerCase()).toContain('origin');
    },
  );

  test('a preflight without an origin allows nobody', async () => {
    const answer = await preflight('/api/generate/video', []);
    expect(answer.status).toBeLessThan(500);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  test('answers name a listed origin and never a star', async () => {
    const listed = await http('GET', '/api/workspaces', ['Origin: http://127.0.0.1:5173']);
    expect(listed.headers['access-control-allow-origin']).toBe('http://127.0.0.1:5173');
    expect(listed.headers['access-control-allow-credentials']).toBeUndefined();
    expect((await http('GET', '/api/workspaces')).headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('the headers', () => {
  const json = ['Content-Type: application/json'];
  const socketPort = (headers: string[]) => {
    const port = portOf(server.wsUrl);
    return sendRaw(port, toRequest('GET', '/', [`Host: 127.0.0.1:${port}`, 'Connection: close', ...headers]));
  };
  const evil = 'Origin: https://evil.example';

  test.each<[string, number, () => ReturnType<typeof sendRaw>]>([
    ['the timeline', 200, () => http('GET', '/api/workspaces')],
    ['the options', 200, () => http('GET', '/api/options')],
    ['the health', 200, () => http('GET', '/health')],
    ['the OpenAPI document', 200, () => http('GET', '/openapi.json')],
    ['the AsyncAPI document', 200, () => http('GET', '/asyncapi.json')],
    ['the documentation page', 200, () => http('GET', '/docs/')],
    ['a script of the documentation', 200, () => http('GET', '/docs/swagger-ui-bundle.js')],
    ['a refused body', 400, () => http('POST', '/api/ai/suggest', json, '{}')],
    ['a broken body', 400, () => http('POST', '/api/ai/suggest', json, '{')],
    ['an address that cannot be decoded', 400, () => http('GET', '/uploads/%E0%A4%A')],
    ['a foreign origin', 403, () => http('GET', '/api/workspaces', [evil])],
    ['a foreign host', 403, () => sendRaw(portOf(server.url), toRequest('GET', '/', ['Host: evil.example']))],
    ['an address with nothing', 404, () => http('GET', '/nothing')],
    ['a missing asset', 404, () => http('GET', '/assets/missing.js')],
    ['a missing upload', 404, () => http('GET', '/uploads/images/none.png')],
    ['a wrong method', 405, () => http('DELETE', '/api/workspaces')],
    ['a large body', 413, () => http('POST', '/api/ai/suggest', json, ' '.repeat(maxBodyBytes + 1))],
    ['a wrong type', 415, () => http('POST', '/api/ai/suggest', ['Content-Type: text/plain'], '{}')],
    ['a preflight', 204, () => http('OPTIONS', '/api/workspaces', ['Origin: http://localhost:5173'])],
    ['a page asked from the socket port', 404, () => socketPort([])],
    ['a foreign page at the socket port', 403, () => socketPort([evil])],
    ['a refused socket', 403, () => socketPort([...handshake, evil])],
    ['a refused socket at /ws', 403, () => http('GET', '/ws', [...handshake, evil])],
  ])('the headers of %s (%d) keep other sites out', async (_name, status, ask) => {
    const { headers, ...answer } = await ask();
    expect(answer.status).toBe(status);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("frame-ancestors 'self'"),
      'cross-origin-resource-policy': 'same-site',
    });
    expect(headers.vary?.toLowerCase()).toContain('origin');
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('server');
    if (status >= 400) {
      expect(headers['content-type']).toMatch(/^application\/json/);
      expect(answer.text).not.toMatch(/at .+\.(js|ts):\d+|node_modules/);
    }
  });

  test('the headers of the documentation page let its own scripts run and ask nobody else', async () => {
    const page = await http('GET', '/docs/');
    const scripts = [...page.text.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)];
    expect(scripts.length).toBeGreaterThan(0);
    for (const [, attributes, inline] of scripts) {
      expect(inline!.trim()).toBe('');
      expect(attributes).toMatch(/src="\.?\/?[\w./-]+"/);
    }
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe('a crowd', () => {
  test('a crowd of 256 sockets fits over both doors, one more is refused, and a place that is left can be taken', async () => {
    const doors = [server.wsUrl, `${server.url.replace('http', 'ws')}/ws`];
    const crowd = await Promise.all(Array.from({ length: maxSockets - 1 }, (_, index) => connect(doors[index % 2]!)));
    await isWorking();
    for (const door of doors) await expect(connect(door)).rejects.toThrow();
    await isWorking();
    expect((await server.get('/health')).status).toBe(200);

    crowd[0]!.close();
    await crowd[0]!.closed;
    let late: TestSocket | null = null;
    for (let tries = 0; tries < 200 && !late; tries++) late = await connect(doors[0]!).catch(() => null);
    expect(await late!.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: [] });
    [...crowd.slice(1), late!].forEach(({ socket }) => socket.terminate());
    await Promise.all(crowd.map(({ closed }) => closed));
  });

  test(
    'a crowd that sends 5,000 edits of one shot at once has every one acknowledged, in order',
    async () => {
      const id = (await tab.ask({ type: 'workspace.create' })).workspace._id as string;
      const socket = await connect(server.wsUrl);
      const count = 5000;
      for (let index = 1; index <= count; index++) {
        const updates = { 'form_data.prompt': `${index}` };
        socket.send({ type: 'workspace.update', workspace_id: id, request_id: `flood-${index}`, updates });
      }
      await socket.next(({ request_id }) => request_id === `flood-${count}`);
      const expected = Array.from({ length: count }, (_, index) => ['workspace.sync_confirm', index + 2]);
      expect(socket.frames.map(({ type, version }) => [type, version])).toEqual(expected);
      socket.close();
    },
    floodWithinMs,
  );

  test(
    'a crowd that does not read, and one that floods, leave the edits of a bystander acknowledged within 1 s',
    async () => {
      const create = async () => (await tab.ask({ type: 'workspace.create' })).workspace._id as string;
      const [heavy, theirs, mine] = [await create(), await create(), await create()];
      await fatten(heavy);
      const crowd = await Promise.all(Array.from({ length: slowReaders }, () => connect(server.wsUrl)));
      crowd.forEach(({ socket }) => socket.pause());

      const flood = runFlood(server.wsUrl, theirs, floodMessages);
      const filled = fillReaders(heavy);
      const bystander = startBystander(server.wsUrl, mine);
      expect(await flood).toEqual({ answered: floodMessages, closedWith: null });
      const { edits, worstMs } = await bystander.end();
      expect(edits).toBeGreaterThan(5);
      expect(worstMs).toBeLessThan(1000);

      const told = await filled;
      for (const { socket, frames, closed } of crowd) {
        socket.resume();
        expect(await closed).toBe(1006);
        expect(frames.filter(({ type }) => type === 'workspace.created').length).toBeLessThan(told);
      }
      const { body } = await server.get('/api/workspaces');
      expect(body.workspaces.find(({ _id }: { _id: string }) => _id === mine).form_data.prompt).toBe(`edit ${edits}`);
    },
    floodWithinMs,
  );

  test('a crowd that floods the order of the timeline leaves a bystander answered within 1 s', async () => {
    const bystander = (await tab.ask({ type: 'workspace.create' })).workspace._id as string;
    const crowd = await Promise.all(Array.from({ length: 3 }, () => connect(server.wsUrl)));
    let left = 3 * 120;
    const created = crowd.flatMap((one) =>
      Array.from({ length: 120 }, () => one.ask({ type: 'workspace.create' }).then(() => left--)),
    );
    let worstMs = 0;
    let answered = 0;
    while (left > 0) {
      worstMs = Math.max(worstMs, await reorderedInMs([bystander]));
      answered++;
    }
    await Promise.all(created);
    crowd.forEach(({ close }) => close());
    expect(answered).toBeGreaterThan(1);
    expect(worstMs).toBeLessThan(1000);
  });

  test('a crowd that edits without a pause leaves a reorder answered within 1 s', async () => {
    const crowd = await Promise.all(Array.from({ length: 8 }, () => connect(server.wsUrl)));
    const ids: string[] = await Promise.all(
      crowd.map(async (one) => (await one.ask({ type: 'workspace.create' })).workspace._id),
    );
    let isOver = false;
    const edits = crowd.map(async (one, index) => {
      for (let count = 0; !isOver; count++) {
        const updates = { 'form_data.prompt': `edit ${count}` };
        await one.ask({ type: 'workspace.update', workspace_id: ids[index], updates });
      }
    });
    let worstMs = 0;
    for (let round = 0; round < 20; round++) {
      worstMs = Math.max(worstMs, await reorderedInMs(ids.reverse()));
    }
    isOver = true;
    await Promise.all(edits);
    crowd.forEach(({ close }) => close());
    expect(worstMs).toBeLessThan(1000);
  });
});

describe('a connection', () => {
  test('a connection that answers no ping is ended, one that does is kept', async () => {
    const deaf = await connect(impatient.wsUrl, { autoPong: false });
    const alive = await connect(impatient.wsUrl);
    const startMs = performance.now();
    expect(await deaf.closed).toBe(1006);
    expect(performance.now() - startMs).toBeLessThan(3000);
    for (let pings = 0; pings < 2; pings++) await once(alive.socket, 'ping');
    expect(await alive.ask({ type: 'workspace.reorder', workspace_ids: [] })).toMatchObject({ workspace_ids: [] });
    alive.close();
  });

  test('a connection that does not send its headers within 10 s is ended, on both ports', async () => {
    for (const heldMs of await Promise.all(lateHeads)) {
      expect(heldMs).toBeGreaterThan(headersWithinMs - 500);
      expect(heldMs).toBeLessThan(headersWithinMs + toleranceMs);
    }
    expect((await server.get('/health')).status).toBe(200);
  });

  test('a connection that stops half way through an upload holds up no other one, and is ended with a sentence', async () => {
    for (const { status, text } of await Promise.all(stalledUploads)) {
      expect(status).toBe(400);
      expect(JSON.parse(text).error.message).toMatch(/stalled for 10 seconds/);
    }
    await eventually(async () => (await readdir(`${server.env.UPLOAD_DIR}/tmp`)).length === 0);
  });

  test('a connection is closed with 1012 when the server stops, and the messages it had sent are answered', async () => {
    const { _id } = (await tab.ask({ type: 'workspace.create' })).workspace;
    const answers = Array.from({ length: 50 }, (_, index) =>
      tab.ask({ type: 'workspace.update', workspace_id: _id, updates: { 'form_data.prompt': `last ${index}` } }),
    );
    await answers[0];
    const stopped = server.stop();
    const settled = await Promise.allSettled(answers);
    expect(await tab.closed).toBe(1012);
    expect(await stopped).toBe(0);
    const confirmed = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value.type] : []));
    expect(new Set(confirmed)).toEqual(new Set(['workspace.sync_confirm']));
  });
});

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * kibibyte;
}

/** Fills a workspace with a long conversation, so that one answer about it weighs half a megabyte. */
async function fatten(workspaceId: string): Promise<void> {
  const entry = (_: unknown, index: number) => ({
    _id: { $oid: index.toString(16).padStart(24, '0') },
    message: 'q'.repeat(2000),
    suggestion: { message: 'a'.repeat(8000), form_data: {} },
    provider: 'local',
    model: 'rules',
    created_at: { $date: '2026-01-01T00:00:00.000Z' },
  });
  await changeStored(server.env.MONGODB_URI!, workspaceId, { ai_collaboration: Array.from({ length: 50 }, entry) });
}

/** Tells every socket of half a megabyte, again and again, until the server says that it ended each slow reader; how often. */
async function fillReaders(workspaceId: string): Promise<number> {
  const editor = await connect(server.wsUrl);
  let told = 0;
  // A paused socket cannot notice its end by itself, but the log of the server names it.
  while ((await server.log()).split('slow consumer disconnected').length - 1 < slowReaders) {
    await editor.ask({ type: 'workspace.delete', workspace_id: workspaceId });
    await editor.ask({ type: 'workspace.restore', workspace_id: workspaceId });
    told++;
  }
  editor.close();
  return told;
}

/** How long a reorder waits for its confirm. */
async function reorderedInMs(ids: string[]): Promise<number> {
  const startMs = performance.now();
  const confirm = await tab.ask({ type: 'workspace.reorder', workspace_ids: ids });
  expect(confirm.type).toBe('workspace.reorder_confirm');
  return performance.now() - startMs;
}

/** Sends as fast as a socket takes it, from a thread of its own; every hundredth message is an edit, the others are refused. */
async function runFlood(url: string, workspaceId: string, total: number) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const WebSocket = require(workerData.ws);
     const socket = new WebSocket(workerData.url);
     let answered = 0;
     const edit = JSON.stringify({ type: 'workspace.update', workspace_id: workerData.workspaceId, updates: { 'form_data.lighting': 'flood' } });
     socket.on('open', () => {
       for (let sent = 0; sent < workerData.total; sent++) socket.send(sent % 100 ? '{"type":"flood"}' : edit);
     });
     socket.on('message', () => ++answered === workerData.total && parentPort.postMessage({ answered, closedWith: null }));
     socket.on('close', (code) => parentPort.postMessage({ answered, closedWith: code }));`,
    { eval: true, workerData: { ws: require.resolve('ws'), url, workspaceId, total } },
  );
  const [result] = (await once(worker, 'message')) as [{ answered: number; closedWith: number | null }];
  await worker.terminate();
  return result;
}

/** Makes one edit after the other and takes the time of each, in a thread of its own, where nothing else waits for its turn. */
function startBystander(url: string, workspaceId: string) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const WebSocket = require(workerData.ws);
     const socket = new WebSocket(workerData.url);
     let edits = 0, worstMs = 0, sentMs = 0, isOver = false;
     const edit = () => {
       sentMs = performance.now();
       const updates = { 'form_data.prompt': 'edit ' + ++edits };
       socket.send(JSON.stringify({ type: 'workspace.update', workspace_id: workerData.workspaceId, updates }));
     };
     socket.on('open', edit);
     socket.on('message', (data) => {
       if (!data.includes('"type":"workspace.sync_confirm"')) return;
       worstMs = Math.max(worstMs, performance.now() - sentMs);
       if (isOver) parentPort.postMessage({ edits, worstMs });
       else edit();
     });
     parentPort.on('message', () => (isOver = true));`,
    { eval: true, workerData: { ws: require.resolve('ws'), url, workspaceId } },
  );
  return {
    /** Ends after the edit that is out. */
    end: async () => {
      worker.postMessage('end');
      const [result] = (await once(worker, 'message')) as [{ edits: number; worstMs: number }];
      await worker.terminate();
      return result;
    },
  };
}
