'use strict';
// Makes a JPEG of one HEIC picture: upright, in the colours of its own profile, white where it is transparent. The pixels stay
// in this thread, since memory that is passed to another one may be freed much later. Plain JavaScript, so that a thread can
// start from this file in the sources as well as in the build.

const { parentPort, workerData } = require('node:worker_threads');

const { bytes, quality, maxBytes } = workerData;

// The decoder trusts the sizes that a hostile file declares. All its memory is requested here, so here it is limited.
const { grow } = WebAssembly.Memory.prototype;
WebAssembly.Memory.prototype.grow = function growWithin(pages) {
  if (this.buffer.byteLength + pages * 65_536 > maxBytes) throw new RangeError('the picture needs too much memory');
  return grow.call(this, pages);
};

const sharp = require('sharp');
const { HeifDecoder } = require('libheif-js/wasm-bundle');

const images = new HeifDecoder().decode(bytes);
const image = images.find((other) => other.is_primary()) ?? images[0];
if (!image) throw new Error('the file holds no picture that can be read');
const [width, height] = [image.get_width(), image.get_height()];

image.display({ data: new Uint8ClampedArray(width * height * 4), width, height }, async (shown) => {
  if (!shown) throw new Error('the picture cannot be decoded');
  const image = sharp(Buffer.from(shown.data.buffer), { raw: { width, height, channels: 4 } });
  // Optimising the coding would take six bytes of memory per pixel.
  const jpeg = image.flatten({ background: '#ffffff' }).jpeg({ quality, optimiseCoding: false });
  parentPort.postMessage(await jpeg.toBuffer());
});
