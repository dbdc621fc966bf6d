const maxBytes = 10 * 1024 * 1024;
const maxSide = 4096;
const quality = 0.9;
const takenTypes = ['image/jpeg', 'image/png', 'image/webp'];

/**
 * Gives back a picture that the server takes: at most 10 MiB and 4096 px a side, as JPEG, PNG or WebP.
 * A picture that fits is not touched; one that is drawn again keeps the rotation of its EXIF data.
 */
export async function shrinkPicture(file: File): Promise<File> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  try {
    const longest = Math.max(bitmap.width, bitmap.height);
    if (file.size <= maxBytes && longest <= maxSide && takenTypes.includes(file.type)) return file;
    const hasAlpha = file.type === 'image/png' || file.type === 'image/webp';
    for (let side = Math.min(longest, maxSide); ; side = Math.round(side * 0.75)) {
      const blob = await draw(bitmap, side / longest, hasAlpha ? 'image/webp' : 'image/jpeg');
      if (blob.size <= maxBytes) return new File([blob], file.name, { type: blob.type });
    }
  } finally {
    bitmap.close();
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
