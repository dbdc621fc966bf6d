import { Transform, type TransformCallback } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

const unpackers: Record<string, () => Transform> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  br: createBrotliDecompress,
  deflate: () => new Inflate(),
};

/**
 * The streams that unpack a body with this `Content-Encoding`, in their order; each fails where the body is cut.
 * A coding that is not known changes nothing: some stores name one that the bytes do not have.
 */
export function unpack(contentEncoding = ''): Transform[] {
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  return codings.reverse().flatMap((coding) => unpackers[coding]?.() ?? []);
}

/** `deflate` is the zlib format by the book, and some servers send the bare one; the first byte tells which it is. */
class Inflate extends Transform {
  private inner: Transform | undefined;

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    this.inner ??= this.start(chunk);
    this.inner.write(chunk, callback);
  }

  override _flush(callback: TransformCallback): void {
    if (!this.inner) return callback();
    this.inner.once('end', callback).end();
  }

  private start(chunk: Buffer): Transform {
    const isZlib = (chunk[0]! & 0x0f) === 8;
    const inner = isZlib ? createInflate() : createInflateRaw();
    inner.on('data', (bytes: Buffer) => this.push(bytes)).on('error', (error) => this.destroy(error));
    return inner;
  }
}

/** Counts what passes, and fails beyond `maxBytes`. */
export class Counter extends Transform {
  bytes = 0;

  constructor(private readonly maxBytes: number) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    this.bytes += chunk.length;
    callback(this.bytes > this.maxBytes ? new Error(`the file is larger than ${this.maxBytes} bytes`) : null, chunk);
  }
}
