import sharp from 'sharp';
import { findFont } from '../media/fonts';
import { AppError } from '../utils/errors';

/** Of the short side of the film. */
const letterShare = 0.05;
/** Of the width of the film. */
const widthShare = 0.86;
/** Of the height of the film: a caption stands in its lower third, above a margin. */
const heightShare = 0.26;
const families = 'Noto Sans CJK SC, Noto Sans SC, PingFang SC, Microsoft YaHei, sans-serif';

/** The font for a text as burned; throws a sentence that names the characters for which no font is installed. */
export async function fontOf(text: string): Promise<string> {
  const { file, missing } = await findFont(text);
  if (file && missing.length === 0) return file;
  const what = missing.length > 0 ? ` "${missing.slice(0, 8).join('')}"` : '';
  throw new AppError(
    'PROVIDER_NOT_CONFIGURED',
    `No installed font has the characters${what} of the captions, so they cannot be burned in; install one on the server ` +
      '(Noto Sans CJK for Chinese), or export with captions as a track.',
  );
}

/** A caption as a PNG with a transparent background, white with a dark edge, as large as its text. */
export async function captionPicture(text: string, width: number, height: number): Promise<Buffer> {
  const fontfile = await fontOf(text);
  let size = Math.round(Math.min(width, height) * letterShare);
  let drawn = await drawText(text, fontfile, size, Math.round(width * widthShare));
  while (drawn.info.height > height * heightShare && size > 8) {
    size = Math.floor(size * 0.85);
    drawn = await drawText(text, fontfile, size, Math.round(width * widthShare));
  }
  const margin = Math.ceil(size / 4);
  const around = {
    top: margin,
    bottom: margin,
    left: margin,
    right: margin,
    background: { r: 0, g: 0, b: 0, alpha: 0 },
  };
  const spread = await sharp(drawn.data).extend(around).png().toBuffer();
  const edge = await sharp(spread)
    .extractChannel('alpha')
    .blur(Math.max(0.5, size / 18))
    .linear(3, 0)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width: across, height: down } = edge.info;
  // In two steps, since sharp joins channels after it composites.
  const dark = await sharp({ create: { width: across, height: down, channels: 3, background: 'black' } })
    .joinChannel(edge.data, { raw: { width: across, height: down, channels: 1 } })
    .png()
    .toBuffer();
  return sharp(dark)
    .composite([{ input: spread }])
    .png()
    .toBuffer();
}

const drawText = (text: string, fontfile: string, size: number, width: number) =>
  sharp({
    text: {
      text: `<span foreground="white">${escapeMarkup(text)}</span>`,
      font: `${families} ${size}`,
      fontfile,
      width,
      align: 'centre',
      wrap: 'word-char',
      rgba: true,
      dpi: 72,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });

const escapeMarkup = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
