'use strict';
// JavaScript, since a worker thread is started from a file: as it is in the sources, and as it is in the build.
// Makes a JPEG of one HEIC picture: upright, in the colours of its own profile, white where it is transparent. The pixels stay
// in here, since memory that is handed over is only given back some day.

const { parentPort, workerData } = require('node:worker_threads');

const { bytes, quality, maxBytes } = workerData;

// The decoder trusts what a hostile file says of itself; its memory is only ever enlarged here.
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
  const picture = sharp(Buffer.from(shown.data.buffer), { raw: { width, height, channels: 4 } });
  // A coding of its own would be found with six bytes for each pixel.
  const jpeg = picture.flatten({ background: '#ffffff' }).jpeg({ quality, optimiseCoding: false });
  parentPort.postMessage(await jpeg.toBuffer());
});
