import { open, readdir, type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { readSettings } from '../config';

/** File names of fonts that read well in captions, best first; Chinese ones have Latin letters too. */
const preferred = [
  /^NotoSans(CJK|SC).*Regular|^NotoSansSC/i,
  /^SourceHanSans.*Regular/i,
  /^(msyh|PingFang|Hiragino Sans GB|STHeiti)/i,
  /^(wqy-|DroidSansFallback|simhei)/i,
  /^(NotoSans-Regular|DejaVuSans|Arial|LiberationSans-Regular|Helvetica)\./i,
];
const fontFile = /\.(ttf|otf|ttc|otc)$/i;
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** An installed font with all of the text's characters, or with the most of them; null if there is no font at all. */
type Found = { file: string | null; missing: string[] };

/** Finds a font for a text; `missing` are the characters that no installed font has. */
export async function findFont(text: string, folders = fontFolders()): Promise<Found> {
  const wanted = [...new Set(text)].filter((character) => visible.test(character));
  const missing = new Set(wanted);
  let best: { file: string; count: number } | null = null;
  for (const file of await listFonts(folders)) {
    const has = await readCoverage(file).catch(() => null);
    if (!has) continue;
    const covered = wanted.filter((character) => has(character.codePointAt(0)!));
    covered.forEach((character) => missing.delete(character));
    if (!best || covered.length > best.count) best = { file, count: covered.length };
    // Later fonts fill in single characters only.
    if (missing.size === 0) break;
  }
  return { file: best?.file ?? null, missing: [...missing] };
}

function fontFolders(): string[] {
  const { values } = readSettings(z.object({ WINDIR: z.string().optional() }));
  const home = os.homedir();
  if (process.platform === 'win32') return [path.join(values.WINDIR ?? 'C:\\Windows', 'Fonts')];
  if (process.platform === 'darwin')
    return ['/System/Library/Fonts', '/Library/Fonts', path.join(home, 'Library/Fonts')];
  return [
    '/usr/share/fonts',
    '/usr/local/share/fonts',
    path.join(home, '.local/share/fonts'),
    path.join(home, '.fonts'),
  ];
}

/** Every font file below the folders, the preferred ones first. */
async function listFonts(folders: string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map((folder) =>
      readdir(folder, { recursive: true }).then(
        (names) => names.filter((name) => fontFile.test(name)).map((name) => path.join(folder, name)),
        () => [],
      ),
    ),
  );
  const rank = (file: string) => {
    const place = preferred.findIndex((pattern) => pattern.test(path.basename(file)));
    return place < 0 ? preferred.length : place;
  };
  return found.flat().sort((one, other) => rank(one) - rank(other) || one.localeCompare(other));
}

type Coverage = (codePoint: number) => boolean;

/** Which characters a font has, from its `cmap`; of a collection, those of its first font. */
async function readCoverage(file: string): Promise<Coverage | null> {
  const handle = await open(file, 'r');
  try {
    const head = await read(handle, 0, 16);
    const start = head.toString('latin1', 0, 4) === 'ttcf' ? head.readUInt32BE(12) : 0;
    const tables = (await read(handle, start + 4, 2)).readUInt16BE(0);
    const directory = await read(handle, start + 12, tables * 16);
    for (let at = 0; at < directory.length; at += 16) {
      if (directory.toString('latin1', at, at + 4) !== 'cmap') continue;
      return coverageOf(await read(handle, directory.readUInt32BE(at + 8), directory.readUInt32BE(at + 12)));
    }
    return null;
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead < length) throw new Error('the font ends early');
  return buffer;
}

function coverageOf(cmap: Buffer): Coverage | null {
  const subtables = Array.from({ length: cmap.readUInt16BE(2) }, (_, index) => cmap.readUInt32BE(4 + index * 8 + 4));
  const withFormat = (format: number) => subtables.find((at) => cmap.readUInt16BE(at) === format);
  const full = withFormat(12);
  if (full !== undefined) return inRanges(groupsOf(cmap, full));
  const basic = withFormat(4);
  return basic === undefined ? null : inRanges(segmentsOf(cmap, basic));
}

type Range = [first: number, last: number];

const inRanges =
  (ranges: Range[]): Coverage =>
  (codePoint) =>
    ranges.some(([first, last]) => codePoint >= first && codePoint <= last);

const groupsOf = (cmap: Buffer, at: number): Range[] =>
  Array.from({ length: cmap.readUInt32BE(at + 12) }, (_, index) => {
    const group = at + 16 + index * 12;
    return [cmap.readUInt32BE(group), cmap.readUInt32BE(group + 4)];
  });

function segmentsOf(cmap: Buffer, at: number): Range[] {
  const bytes = cmap.readUInt16BE(at + 6);
  return Array.from({ length: bytes / 2 }, (_, index) => {
    const last = cmap.readUInt16BE(at + 14 + index * 2);
    return [cmap.readUInt16BE(at + 16 + bytes + index * 2), last === 0xffff ? -1 : last];
  });
}
