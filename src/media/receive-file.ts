import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Request } from 'express';
import multer from 'multer';
import { AppError } from '../utils/errors';
import { temporaryFile } from './uploads';

/** How long an upload may stall. */
const stallTimeoutMs = 10_000;

type Wanted = {
  /** The multipart field of the file. */
  field: string;
  maxBytes: number;
  /** The file in sentences, such as "picture". */
  noun: string;
};

/** Receives the single file of a request on the disk, and hands it to `work`; it is gone afterwards, unless `work` moved it. */
export function createReceiver(wanted: Wanted) {
  const receive = createMulter(wanted);
  return async function withFile<Result>(
    request: Request,
    signal: AbortSignal,
    work: (file: string) => Promise<Result>,
  ): Promise<Result> {
    const file = await receiveFile(receive, request, signal, wanted);
    try {
      return await work(file);
    } catch (error) {
      throw signal.aborted ? unreadable(error) : error;
    } finally {
      await rm(file, { force: true });
    }
  };
}

// With Multer's default limits, a field name of 200 bytes can block the process for half a minute.
const createMulter = ({ field, maxBytes }: Wanted) =>
  multer({
    // On disk, since many may arrive at once; Multer gives each a random name.
    storage: multer.diskStorage({
      destination: (_request, _file, callback) => callback(null, path.dirname(temporaryFile())),
    }),
    defParamCharset: 'utf8',
    limits: {
      fileSize: maxBytes,
      files: 1,
      fields: 0,
      fieldSize: 1024,
      fieldNameSize: 100,
      parts: 2,
      headerPairs: 32,
      fieldNestingDepth: 0,
      fieldArrayIndexLimit: 0,
    },
  }).single(field);

function receiveFile(
  receive: ReturnType<typeof createMulter>,
  request: Request,
  signal: AbortSignal,
  { field, noun }: Wanted,
): Promise<string> {
  const received = new Promise<string>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(unreadable(signal.reason)), { once: true });
    request.setTimeout(stallTimeoutMs, () => {
      // Once the request is destroyed, Multer removes the partial file.
      request.res!.once('finish', () => request.destroy());
      reject(stalled());
    });
    receive(request, request.res!, (error: unknown) => {
      if (error instanceof multer.MulterError) return reject(refused(error, field, noun));
      if (error) return reject(isFromDisk(error) ? (error as Error) : unreadable(error));
      if (request.file) return resolve(request.file.path);
      const message = `The upload has no file; send multipart/form-data with the ${noun} in the field "${field}".`;
      reject(new AppError('INVALID_INPUT', message));
    });
  });
  return received.finally(() => request.setTimeout(0));
}

const isFromDisk = (error: unknown): boolean => typeof (error as NodeJS.ErrnoException).code === 'string';

function refused(cause: multer.MulterError, field: string, noun: string): AppError {
  if (cause.code === 'LIMIT_FILE_SIZE') {
    const message = `The ${noun} is larger than the server accepts; make it smaller and try again.`;
    return new AppError('FILE_TOO_LARGE', message, { cause });
  }
  const message = `The upload must be multipart/form-data with one file in the field "${field}" and nothing else.`;
  const details = [{ path: cause.field ?? field, message: cause.message }];
  return new AppError('INVALID_INPUT', message, { cause, details });
}

const unreadable = (cause: unknown) =>
  new AppError('INVALID_INPUT', 'The upload broke off or is not well-formed multipart/form-data; send it again.', {
    cause,
  });

const stalled = () =>
  new AppError('INVALID_INPUT', 'The upload stalled for 10 seconds; send it again.', {
    headers: { Connection: 'close' },
  });
