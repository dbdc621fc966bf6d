import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { blank } from '../fixtures/pictures';
import { makeMedia, tone } from '../fixtures/sounds';
import { expectError, server, useServer } from '../helpers/tabs';

useServer();

async function upload(bytes: Buffer, field = 'audio') {
  const form = new FormData();
  form.append(field, new Blob([new Uint8Array(bytes)]), 'music.mp3');
  const reply = await fetch(`${server.url}/api/upload/audio`, { method: 'POST', body: form });
  return { status: reply.status, body: await reply.json() };
}

test('an uploaded MP3 is stored as it came, and its length is that of its sound', async () => {
  const mp3 = await makeMedia(tone(1), '-ac 2', 'mp3');
  const { status, body } = await upload(mp3);
  expect({ status, body }).toMatchObject({ status: 201, body: { size: mp3.length, mime: 'audio/mpeg' } });
  expect(Math.abs(body.duration_s - 1)).toBeLessThan(0.06);
  expect(await readFile(path.join(server.folder, body.audio_path))).toEqual(mp3);
});

test('a picture that is named like a sound is UNSUPPORTED_FILE', async () => {
  expectError(await upload(await blank(64, 64).png().toBuffer()), 415, 'UNSUPPORTED_FILE');
});

test('a sound in another field is INVALID_INPUT', async () => {
  expectError(await upload(Buffer.from('sound'), 'music'), 400, 'INVALID_INPUT');
});
