import { ApiError } from '../api';

const maxBytes = 10 * 1024 * 1024;
const maxSide = 4096;
const quality = 0.9;
const takenTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/heic', 'image/heif'];
const clearTypes = ['image/png', 'image/webp', 'image/avif'];

/**
 * Gives back a picture that the server takes: at most 10 MiB and 4096 px a side, as JPEG, PNG, WebP, AVIF or HEIC.
 * A picture that fits is not touched, nor a HEIC, which few browsers can open; one that is drawn again keeps the rotation of its
 * EXIF data.
 */
export async function shrinkPicture(file: File): Promise<File> {
  const bitmap = await open(file);
  if (!bitmap) return file;
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    if (file.size <= maxBytes && longest <= maxSide && takenTypes.includes(file.type)) return file;
    const type = clearTypes.includes(file.type) ? 'image/webp' : 'image/jpeg';
    for (let side = Math.min(longest, maxSide); ; side = Math.round(side * 0.75)) {
      const blob = await draw(bitmap, side / longest, type);
      if (blob.size <= maxBytes) return new File([blob], file.name, { type: blob.type });
    }
  } finally {
    bitmap.close();
  }
}

/** The pixels of a picture; null for a HEIC that only the server can open. */
async function open(file: File): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(file, { imageOrientation: 'from-image' });
  } catch (error) {
    const head = new TextDecoder('latin1').decode(await file.slice(4, 12).arrayBuffer());
    if (!/^ftyp(hei[cxms]|mif[12])$/.test(head)) throw error;
    if (file.size > maxBytes) throw new ApiError('FILE_TOO_LARGE', 'The browser cannot make it smaller.');
    return null;
  }
}

async function draw(bitmap: ImageBitmap, scale: number, type: string): Promise<Blob> {
  const canvas = new OffscreenCanvas(Math.round(bitmap.width * scale), Math.round(bitmap.height * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no canvas');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type, quality });
}
