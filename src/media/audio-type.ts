import type { FileHandle } from 'node:fs/promises';
import { sniffType } from './image-type';

// File types by their bytes. MP3 and bare AAC are frames without a head of the file: each begins with 11 or 12 set bits, then
// the kind (ISO 11172-3, ISO 13818-7). A tag (ID3v2) may be in front of them and of FLAC: "ID3", 3 bytes, and its length in
// 4 bytes of 7 bits.

/** What is accepted: the Content-Type, and the name of ffmpeg for the format. */
export const audioKinds = {
  mp3: { mime: 'audio/mpeg', demuxer: 'mp3' },
  wav: { mime: 'audio/wav', demuxer: 'wav' },
  m4a: { mime: 'audio/mp4', demuxer: 'mov' },
  aac: { mime: 'audio/aac', demuxer: 'aac' },
  ogg: { mime: 'audio/ogg', demuxer: 'ogg' },
  flac: { mime: 'audio/flac', demuxer: 'flac' },
} as const;
export type AudioExt = keyof typeof audioKinds;

const headBytes = 16;
const tagHeadBytes = 10;
const hasFooterFlag = 0x10;
const maxTags = 8;

/** A sound file's kind, and where its sound begins behind the tags, in bytes. */
export type Sniffed = { ext: AudioExt; soundAt: number };

/** The kind of a sound file by its bytes, never by its name; null if it is not accepted. */
export async function sniffAudio(handle: FileHandle): Promise<Sniffed | null> {
  let at = 0;
  for (let tags = 0; tags <= maxTags; tags++) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, at);
    const head = buffer.subarray(0, bytesRead);
    const tagBytes = bytesOfTag(head);
    if (tagBytes !== null) {
      at += tagBytes;
      continue;
    }
    // Padding or a damaged frame may follow a tag, which is of MP3 in nearly every file.
    const ext = kindOf(head, at > 0) ?? (at > 0 && bytesRead > 0 ? 'mp3' : null);
    return ext && { ext, soundAt: at };
  }
  return null;
}

function bytesOfTag(head: Buffer): number | null {
  if (head.length < tagHeadBytes || head.toString('latin1', 0, 3) !== 'ID3') return null;
  const length = head.subarray(6, tagHeadBytes).reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
  return tagHeadBytes * (head[5]! & hasFooterFlag ? 2 : 1) + length;
}

function kindOf(head: Buffer, isTagged: boolean): AudioExt | null {
  const text = head.toString('latin1');
  if (text.startsWith('fLaC')) return 'flac';
  const sync = head.length < 4 ? 0 : head.readUInt32BE(0);
  if (isAdts(sync)) return 'aac';
  if (isMp3(sync)) return 'mp3';
  if (isTagged) return null;
  if (text.startsWith('OggS')) return 'ogg';
  if (/^(RIFF|RF64)/.test(text) && text.slice(8, 12) === 'WAVE') return 'wav';
  // Whether there is a video in it is for ffmpeg to say.
  const isMp4 = text.slice(4, 8) === 'ftyp' && text.slice(8, 12) !== 'qt  ' && sniffType(head) === null;
  return isMp4 ? 'm4a' : null;
}

// 12 set bits, one for the version, two zero bits.
const isAdts = (sync: number): boolean => sync >>> 20 === 0xfff && ((sync >>> 17) & 3) === 0;

/** 11 set bits, then a known version, layer III, and a bitrate and a sample rate that exist. */
const isMp3 = (sync: number): boolean =>
  sync >>> 21 === 0x7ff &&
  ((sync >>> 19) & 3) !== 1 &&
  ((sync >>> 17) & 3) === 1 &&
  ((sync >>> 12) & 15) !== 15 &&
  ((sync >>> 10) & 3) !== 3;
