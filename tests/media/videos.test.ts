import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import nock from 'nock';
import sharp from 'sharp';
import { config } from '../../src/config';
import { makeUploadFolders } from '../../src/media/uploads';
import { adoptVideo, fetchVideo, hasVideo, makePoster, videoFile, videoUrl } from '../../src/media/videos';
import { cut } from '../fixtures/pictures';

const clip = readFileSync(path.resolve(__dirname, '../fixtures/clip.mp4'));

const filesIn = (name: string) => readdirSync(path.join(config.UPLOAD_DIR, name));

beforeAll(makeUploadFolders);

describe('the download of a video', () => {
  let server: http.Server;
  let origin: string;
  let answer: http.RequestListener;
  let asked: string[];
  let attempts = 0;

  beforeAll(async () => {
    server = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => (asked = []));
  afterEach(() => nock.cleanAll());
  afterAll(() => {
    nock.restore();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });

  const fetchFrom = async (url: string, maxBytes?: number) => {
    attempts += 1;
    const attemptId = `attempt-${attempts}`;
    await fetchVideo({ provider: 'Double', baseUrl: origin, url, attemptId, maxBytes });
    return attemptId;
  };

  const expectRefusal = async (url: string, maxBytes?: number) => {
    await expect(fetchFrom(url, maxBytes)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(hasVideo(`attempt-${attempts}`)).toBe(false);
    expect(filesIn('tmp')).toEqual([]);
  };

  const causeOf = async (url: string, maxBytes?: number) => {
    const failure = await fetchFrom(url, maxBytes).catch((thrown: Error) => thrown);
    return String((failure as Error).cause);
  };

  const send =
    (body: Buffer | string, headers: http.OutgoingHttpHeaders = {}, status = 200): http.RequestListener =>
    (_, response) =>
      response.writeHead(status, headers).end(body);

  // What object stores give to a file whose type the uploader's library did not tell.
  const types = [
    'video/mp4',
    'binary/octet-stream',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'text/plain',
    'text/html; charset=utf-8',
    'application/force-download',
    'application/x-mp4',
    'mp4',
  ];
  test.each([...types.map((type) => ({ 'content-type': type })), {}])(
    'the download of a video stores every byte of an answer with the headers %j',
    async (headers) => {
      answer = send(clip, headers);
      const attemptId = await fetchFrom(`${origin}/clip`);
      expect(readFileSync(videoFile(attemptId))).toEqual(clip);
      expect(hasVideo(attemptId)).toBe(true);
      expect(videoUrl(attemptId)).toBe(`/uploads/videos/${attemptId}.mp4`);
      expect(filesIn('tmp')).toEqual([]);
    },
  );

  test('the download of a video follows ten redirects, relative ones too, and not an eleventh', async () => {
    answer = (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end();
      else response.writeHead(200, { 'content-type': 'video/mp4' }).end(clip);
    };
    expect(hasVideo(await fetchFrom(`${origin}/10`))).toBe(true);
    expect(asked.slice(-3)).toEqual(['/2', '/1', '/0']);
    await expectRefusal(`${origin}/11`);
  });

  test.each<[string, () => http.RequestListener]>([
    ['a page', () => send('<!doctype html>', { 'content-type': 'text/html' })],
    ['a page with the type of a video', () => send('<!doctype html>', { 'content-type': 'video/mp4' })],
    ['JSON with the type of a video', () => send('{"error":"expired"}', { 'content-type': 'video/mp4' })],
    ['nothing', () => send('', { 'content-type': 'video/mp4' })],
    ['404', () => send('gone', {}, 404)],
    ['a redirect without an address', () => send('', {}, 302)],
    ['a redirect to a file', () => send('', { location: 'file:///etc/passwd' }, 302)],
    [
      'less than it announced',
      () => (_, response) => {
        response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': clip.length });
        response.write(cut(clip), () => response.destroy());
      },
    ],
    [
      'cut between two chunks',
      () => (_, response) => {
        response.writeHead(200, { 'content-type': 'video/mp4' });
        response.write(cut(clip), () => response.destroy());
      },
    ],
  ])('the download of a video is DOWNLOAD_FAILED when the answer is %s, and leaves nothing behind', async (_, make) => {
    answer = make();
    await expectRefusal(`${origin}/clip`);
  });

  /** The vendor that announces nothing: the end of the body is the end of the connection, wherever that comes. */
  const sendUnannounced =
    (bytes: Buffer): http.RequestListener =>
    (_, { socket }) =>
      socket!.end(
        Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nConnection: close\r\n\r\n'), bytes]),
      );

  // ftyp at 0, moov at 32, free at 995, mdat at 1003, 7358 bytes in all.
  test.each([4, 8, 20, 32, 36, 500, 995, 999, 1003, 1007, 1011, 4000, 7357])(
    'the download of a video is DOWNLOAD_FAILED when the connection ends after %i bytes of a body of unknown length, and leaves nothing behind',
    async (length) => {
      answer = sendUnannounced(clip.subarray(0, length));
      await expectRefusal(`${origin}/clip`);
    },
  );

  const packings: [string, (bytes: Buffer) => Buffer][] = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['br', brotliCompressSync],
    ['deflate', deflateSync],
    ['Deflate', deflateRawSync],
    ['gzip, br', (bytes) => brotliCompressSync(gzipSync(bytes))],
    ['aws-chunked', (bytes) => bytes],
  ];
  describe.each(packings)('a body that is packed with %s', (coding, pack) => {
    const packed = pack(clip);
    const headers = { 'content-type': 'video/mp4', 'content-encoding': coding };

    test(`a body that is packed with ${coding} is stored unpacked, whatever tells its length`, async () => {
      for (const more of [{ 'content-length': packed.length }, { 'transfer-encoding': 'chunked' }]) {
        answer = send(packed, { ...headers, ...more });
        expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
      }
    });

    test(`a body that is packed with ${coding} is refused where it is cut, whatever tells its length`, async () => {
      const cutBody = packed.subarray(0, packed.length - 20);
      for (const length of [cutBody.length, packed.length]) {
        answer = (_, response) => {
          response.writeHead(200, { ...headers, 'content-length': length });
          response.write(cutBody, () => (length === cutBody.length ? response.end() : response.destroy()));
        };
        await expectRefusal(`${origin}/clip`);
      }
      answer = send(cutBody, headers);
      await expectRefusal(`${origin}/clip`);
    });
  });

  test.each(['gzip', 'br', 'deflate', 'zstd', 'gzip, br'])(
    'a video that is not packed is stored as it is although %s is said of it',
    async (coding) => {
      answer = send(clip, { 'content-encoding': coding, 'content-length': clip.length });
      expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
    },
  );

  test('a packed video is unpacked although nothing is said of it', async () => {
    answer = send(gzipSync(clip));
    expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
  });

  test.each([203, 206])('a whole video is taken with status %i, and a part is not', async (status) => {
    answer = send(clip, {}, status);
    expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
    answer = send(cut(clip), {}, status);
    await expectRefusal(`${origin}/clip`);
  });

  test('the download of a video stops at the largest size of what a packed body holds', async () => {
    answer = send(gzipSync(Buffer.alloc(1_000_000)), { 'content-encoding': 'gzip' });
    await expectRefusal(`${origin}/clip`, 100_000);
    expect(await causeOf(`${origin}/clip`, 100_000)).toContain('larger than 100000 bytes');
  });

  test.each([
    ['raw UTF-8', '/结果/文件 1.mp4'.replace(' ', '%20'), '/%E7%BB%93%E6%9E%9C/%E6%96%87%E4%BB%B6%201.mp4'],
    ['raw UTF-8 in the query', '/clip?name=片', '/clip?name=%E7%89%87'],
    ['percent-encoding', '/%E7%BB%93/a%2Fb+c%7e.mp4?sig=a%2Bb%3D&x=1', '/%E7%BB%93/a%2Fb+c%7e.mp4?sig=a%2Bb%3D&x=1'],
  ])('the download of a video follows a redirect with %s', async (_, location, expected) => {
    answer = (request, response) => {
      if (request.url !== '/start') return send(clip)(request, response);
      // writeHead would refuse such a character.
      request.socket.end(Buffer.from(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`));
    };
    expect(hasVideo(await fetchFrom(`${origin}/start`))).toBe(true);
    expect(asked).toEqual(['/start', expected]);
  });

  test('the download of a video asks for a presigned link byte for byte', async () => {
    answer = send(clip);
    const link = '/b/a%2Fb%20c.mp4?X-Amz-Credential=AK%2F20261128%2Fus&X-Amz-Signature=0aF%3d&e=~*!()&plus=a+b';
    expect(hasVideo(await fetchFrom(origin + link))).toBe(true);
    expect(asked).toEqual([link]);
  });

  test('the download of a video takes a body of HTTP/1.0, and one in many chunks', async () => {
    answer = (_, { socket }) =>
      socket!.end(Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n'), clip]));
    expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
    answer = (_, response) => {
      for (let at = 0; at < clip.length; at += 500) response.write(clip.subarray(at, at + 500));
      response.end();
    };
    expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
  });

  test.each([
    ['a page', '<html>Sign in</html>', /sent a page or text instead of a video/],
    ['JSON', ' {"code":"Expired"}', /sent a page or text instead of a video/],
    ['nothing', '', /empty/],
    ['other bytes', '\0\u0001\u0002'.repeat(10), /not an mp4/],
  ])('the download of a video says what came where it was %s', async (_, body, expected) => {
    answer = send(body, { 'content-type': 'video/mp4' });
    expect(await causeOf(`${origin}/clip`)).toMatch(expected);
  });

  test('the download of a video takes a whole video of a body of unknown length', async () => {
    answer = sendUnannounced(clip);
    expect(readFileSync(videoFile(await fetchFrom(`${origin}/clip`)))).toEqual(clip);
  });

  test('the download of a video takes a last box "to the end" only from a body whose end is known', async () => {
    const toTheEnd = Buffer.from(clip);
    toTheEnd.writeUInt32BE(0, 1003);
    answer = sendUnannounced(toTheEnd);
    await expectRefusal(`${origin}/clip`);
    answer = send(toTheEnd);
    expect(hasVideo(await fetchFrom(`${origin}/chunked`))).toBe(true);
    answer = send(toTheEnd, { 'content-length': toTheEnd.length });
    expect(hasVideo(await fetchFrom(`${origin}/announced`))).toBe(true);
  });

  test('the download of a video refuses half a video that the vendor announced as a whole one', async () => {
    answer = send(cut(clip), { 'content-type': 'video/mp4', 'content-length': cut(clip).length });
    await expectRefusal(`${origin}/clip`);
  });

  test.each([403, 404, 410, 500])(
    'the download of a video tells the status %i that the file host answered with',
    async (status) => {
      answer = send('gone', {}, status);
      await expect(fetchFrom(`${origin}/clip`)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', cause: { status } });
    },
  );

  test('the download of a video tells no status when the file host did not answer, or with a file that is not whole', async () => {
    for (const broken of [
      () => sendUnannounced(cut(clip)),
      () =>
        (_: unknown, { socket }: http.ServerResponse) =>
          socket!.destroy(),
    ]) {
      answer = broken();
      const failure = await fetchFrom(`${origin}/clip`).catch((thrown: Error) => thrown);
      expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED' });
      expect((failure as Error).cause).not.toHaveProperty('status');
    }
  });

  test('the download of a video stops at the largest size', async () => {
    answer = send(clip, { 'content-type': 'video/mp4' });
    await expectRefusal(`${origin}/clip`, clip.length - 1);
    expect(hasVideo(await fetchFrom(`${origin}/clip`, clip.length))).toBe(true);
  });

  test('the download of a video is made from this machine only where its provider is on this machine', async () => {
    answer = send(clip);
    for (const baseUrl of ['https://api.vendor.test', undefined]) {
      const source = { provider: 'Double', url: `${origin}/admin`, attemptId: 'led-here' };
      await expect(fetchVideo({ ...source, baseUrl })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    }
    expect(asked).toEqual([]);
    expect(hasVideo('led-here')).toBe(false);
  });

  test('the download of a video is not led from a public address to this machine or its network', async () => {
    answer = send(clip, { 'content-type': 'video/mp4' });
    const port = new URL(origin).port;
    const targets = [`${origin}/x`, `http://localhost:${port}/x`, `https://127.1:${port}/x`, `https://[::1]:${port}/x`];
    targets.push(`https://[::ffff:127.0.0.1]:${port}/x`, `https://2130706433:${port}/x`, 'https://169.254.169.254/x');
    for (const location of targets) {
      nock('https://cdn.example.com').get('/clip').reply(302, '', { location });
      await expectRefusal('https://cdn.example.com/clip');
    }
    expect(asked).toEqual([]);
  });

  test.each([
    'http://cdn.example.com/a.mp4',
    'https://user:secret@cdn.example.com/a',
    'ftp://127.0.0.1/a',
    'https://10.0.0.1/a',
    'no address',
  ])('the download of a video does not even ask %s', async (url) => {
    const scope = nock(/cdn\.example\.com/)
      .get(/.*/)
      .reply(200, clip);
    await expectRefusal(url);
    expect(scope.isDone()).toBe(false);
  });

  test('the download of a video does not connect to a name that resolves to this machine', async () => {
    const connected = jest.fn();
    server.on('connection', connected);
    const failure = await fetchFrom(`https://${os.hostname()}:${new URL(origin).port}/x`).catch(
      (thrown: Error) => thrown,
    );
    expect(failure).toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(String((failure as Error).cause)).toMatch(/not at a public address|ENOTFOUND|EAI_AGAIN/);
    expect(connected).not.toHaveBeenCalled();
  });
});

describe('a video that was made on this machine', () => {
  test('a video that was made on this machine is moved, not copied', async () => {
    const file = path.join(os.tmpdir(), `made-${process.pid}.mp4`);
    await writeFile(file, clip);
    await adoptVideo({ file, attemptId: 'made-here' });
    expect(readFileSync(videoFile('made-here'))).toEqual(clip);
    expect(existsSync(file)).toBe(false);
  });

  test.each([
    ['no mp4', Buffer.from('not a video')],
    ['only half of one', cut(clip)],
  ])('a video that was made on this machine is refused when it is %s', async (_, bytes) => {
    const file = path.join(os.tmpdir(), `wrong-${process.pid}.mp4`);
    await writeFile(file, bytes);
    await expect(adoptVideo({ file, attemptId: 'wrong' })).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(hasVideo('wrong')).toBe(false);
  });
});

describe('the poster', () => {
  test('the poster is a JPEG of the size of the video', async () => {
    await writeFile(videoFile('with-poster'), clip);
    expect(await makePoster('with-poster')).toBe('/uploads/videos/with-poster.jpg');
    const file = path.join(config.UPLOAD_DIR, 'videos/with-poster.jpg');
    expect((await sharp(file).metadata()).format).toBe('jpeg');
    expect(statSync(file).size).toBeGreaterThan(500);
  });

  test('the poster is null for a video that cannot be decoded', async () => {
    await writeFile(videoFile('broken'), Buffer.concat([Buffer.from('\0\0\0\x10ftypisom'), Buffer.alloc(500)]));
    expect(await makePoster('broken')).toBeNull();
    expect(filesIn('videos')).not.toContain('broken.jpg');
  });
});
