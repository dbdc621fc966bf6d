import { Transform, type TransformCallback } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

/** Enough bytes to recognise a file type. */
const headBytes = 12;
const gzipHead = Buffer.from([0x1f, 0x8b]);

/** Whether a file begins like an uncompressed one, whatever its headers say. */
export type IsPlain = (head: Buffer) => boolean;

/**
 * The streams that decompress a body with this `Content-Encoding`, in order; each fails on a truncated body. The bytes decide,
 * since some stores declare an encoding that the bytes do not have, and others compress without declaring it.
 */
export function unpack(contentEncoding = '', isPlain: IsPlain): Unpacker[] {
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase());
  return [...codings.reverse(), ''].map((coding) => new Unpacker(coding, isPlain));
}

/** Decompresses compressed bytes and passes others through. */
export class Unpacker extends Transform {
  private head = Buffer.alloc(0);
  private inner: Transform | null | undefined;

  constructor(
    private readonly coding: string,
    private readonly isPlain: IsPlain,
  ) {
    super();
  }

  /** Whether it has decompressed anything, and so would have noticed a truncation. */
  get hasUnpacked(): boolean {
    return Boolean(this.inner);
  }

  override _transform(chunk: Buffer, _encoding: string, callback: TransformCallback): void {
    if (this.inner !== undefined) return this.pass(chunk, callback);
    this.head = Buffer.concat([this.head, chunk]);
    if (this.head.length < headBytes) return callback();
    this.begin();
    this.pass(this.head, callback);
  }

  override _flush(callback: TransformCallback): void {
    if (this.inner === undefined) {
      this.begin();
      return this.pass(this.head, () => this._flush(callback));
    }
    if (!this.inner) return callback();
    this.inner.once('end', callback).end();
  }

  private begin(): void {
    this.inner = this.isPlain(this.head) ? null : unpackerFor(this.head, this.coding);
    this.inner?.on('data', (bytes: Buffer) => this.push(bytes)).on('error', (error) => this.destroy(error));
  }

  private pass(chunk: Buffer, callback: TransformCallback): void {
    if (this.inner) return void this.inner.write(chunk, callback);
    callback(null, chunk);
  }
}

function unpackerFor(head: Buffer, coding: string): Transform | null {
  if (head.subarray(0, 2).equals(gzipHead)) return createGunzip();
  if (coding === 'br') return createBrotliDecompress();
  // `deflate` means the zlib format, but some servers send raw deflate; the first byte tells them apart.
  if (coding === 'deflate') return (head[0]! & 0x0f) === 8 ? createInflate() : createInflateRaw();
  return null;
}

/** Counts the bytes that pass, and fails beyond `maxBytes`. */
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
