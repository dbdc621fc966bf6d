// File types by their bytes: PNG is a signature and chunks of {length, name, data, checksum}, WebP is RIFF, AVIF and HEIC are
// boxes, the first of which, `ftyp`, names a brand (ISO 23008-12).

export type ImageKind = {
  format: 'png' | 'jpeg' | 'webp' | 'heif';
  /** Whether the file declares an animation before its pixels. */
  isAnimated: boolean;
  /** For a HEIF file whose brands name the codec. */
  compression?: 'av1';
};

const pngSignature = '\x89PNG\r\n\x1a\n';
const pngChunkFrame = 12;
const maxBrandBytes = 256;
const stillBrands = ['avif', 'heic', 'heix', 'heim', 'heis', 'mif1', 'mif2'];
const sequenceBrands = ['avis', 'hevc', 'hevx', 'hevm', 'hevs', 'msf1'];

/** The kind of a picture by its first bytes, never by a name; null if it is not accepted. */
export function sniffType(bytes: Buffer): ImageKind | null {
  const head = bytes.toString('latin1', 0, 12);
  if (head.startsWith(pngSignature)) return { format: 'png', isAnimated: isAnimatedPng(bytes) };
  if (head.startsWith('\xff\xd8\xff')) return { format: 'jpeg', isAnimated: false };
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return { format: 'webp', isAnimated: false };
  if (head.slice(4, 8) !== 'ftyp') return null;
  const brand = head.slice(8);
  if (sequenceBrands.includes(brand)) return { format: 'heif', isAnimated: true };
  if (!stillBrands.includes(brand)) return null;
  return { format: 'heif', isAnimated: false, ...(brandsOf(bytes).includes('avif') && { compression: 'av1' }) };
}

/** All brands of a file, since the first may not name the codec. */
function brandsOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1', 8, Math.min(bytes.readUInt32BE(0), maxBrandBytes));
  return text.match(/.{4}/gs) ?? [];
}

// Sharp takes an animated PNG for a still. The chunk that animates it comes before the first pixels; its letters alone may also
// occur in a text chunk, such as a workflow with a picture in base64.
function isAnimatedPng(bytes: Buffer): boolean {
  for (let at = pngSignature.length; at + pngChunkFrame <= bytes.length;) {
    const name = bytes.toString('latin1', at + 4, at + 8);
    if (name === 'IDAT') return false;
    // The chunk begins with the number of frames.
    if (name === 'acTL') return bytes.readUInt32BE(at + 8) > 1;
    at += pngChunkFrame + bytes.readUInt32BE(at);
  }
  return false;
}
