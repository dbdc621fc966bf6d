import { Error as MongooseError, mongo } from 'mongoose';
import type { ErrorBody, ErrorCode, ErrorDetail } from '../contract/errors';

type Extra = {
  details?: ErrorDetail[];
  cause?: unknown;
  /** The film that the error is about, for the message of a socket that does not name it. */
  filmId?: string;
  /** Response headers of the error, such as `Allow`; `Retry-After` comes from `retryAfterMs`. */
  headers?: Record<string, string>;
  /** True when no byte of a request to a provider left this machine, so that sending it again cannot pay twice. */
  unsent?: boolean;
  /** How long the provider asks us to wait. */
  retryAfterMs?: number;
  /** The exit code of a start that fails with this error: 78 when only a person can help. */
  exitCode?: number;
};

/** The only error class of this project: a stable code, and one English sentence that says what happened and what to do. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly details?: ErrorDetail[];
  readonly filmId?: string;
  readonly headers?: Record<string, string>;
  readonly unsent: boolean;
  readonly retryAfterMs?: number;
  readonly exitCode?: number;

  constructor(code: ErrorCode, message: string, extra: Extra = {}) {
    const { details, cause, filmId, headers, unsent = false, retryAfterMs, exitCode } = extra;
    super(message, { cause });
    this.name = 'AppError';
    this.code = code;
    this.details = details;
    this.filmId = filmId;
    this.headers = headers;
    this.unsent = unsent;
    this.retryAfterMs = retryAfterMs;
    this.exitCode = exitCode;
  }

  /** The error as a client sees it. */
  get body(): ErrorBody {
    const { code, message } = this;
    const details = this.details ?? (code === 'INVALID_INPUT' ? [{ path: '', message }] : undefined);
    return { code, message, ...(details && { details }) };
  }
}

const databaseSentence =
  'The database does not answer, so this may or may not have been stored; send it again with the same request_id.';

/** Turns anything thrown into an AppError; knows the errors of body-parser, Mongoose and the file system. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isDatabaseUnavailable(error)) return new AppError('DATABASE_UNAVAILABLE', databaseSentence, { cause: error });
  if (error instanceof MongooseError.StrictModeError || error instanceof MongooseError.CastError) {
    return new AppError('INVALID_INPUT', 'A field of the request is not valid; see the documentation at /docs.', {
      cause: error,
    });
  }

  const { type, code, status } = (error ?? {}) as { type?: string; code?: string; status?: number };
  if (type === 'entity.parse.failed') {
    return new AppError('INVALID_JSON', 'The body is not valid JSON; send one JSON object.', { cause: error });
  }
  if (type === 'entity.too.large') {
    return new AppError('BODY_TOO_LARGE', 'The body is larger than 256 KiB; send less.', { cause: error });
  }
  if (type === 'charset.unsupported' || type === 'encoding.unsupported') {
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON in UTF-8.', { cause: error });
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('DISK_FULL', 'The disk of the server is full; free some space and try again.', {
      cause: error,
    });
  }
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    const message = 'The server cannot write to one of its folders; see /health for its name and fix its permissions.';
    return new AppError('INTERNAL', message, { cause: error });
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new AppError('INVALID_INPUT', 'The request could not be read; check its address, headers and body.', {
      cause: error,
    });
  }
  return new AppError('INTERNAL', 'Something went wrong on our side; the server log has the details.', {
    cause: error,
  });
}

/** The server is no longer the primary, or is shutting down. */
const stateChangeCodes = [91, 189, 10107, 11600, 11602, 13435, 13436];

function isDatabaseUnavailable(error: unknown): boolean {
  // A lost connection during a bulk write is wrapped.
  if (
    error instanceof mongo.MongoBulkWriteError &&
    error.errorResponse !== error &&
    isDatabaseUnavailable(error.errorResponse)
  )
    return true;
  if (error instanceof mongo.MongoServerError && stateChangeCodes.includes(Number(error.code))) return true;
  if (error instanceof MongooseError.MongooseServerSelectionError) return true;
  if (error instanceof mongo.MongoServerSelectionError || error instanceof mongo.MongoNetworkError) return true;
  if (error instanceof mongo.MongoNotConnectedError || error instanceof mongo.MongoClientClosedError) return true;
  if (error instanceof mongo.MongoTopologyClosedError || error instanceof mongo.MongoExpiredSessionError) return true;
  if (error instanceof mongo.MongoError && /^Mongo(WaitQueueTimeout|PoolClosed|PoolCleared)Error$/.test(error.name))
    return true;
  if (error instanceof mongo.MongoError && error.hasErrorLabel('RetryableWriteError')) return true;
  // With buffering off, a query on a closed connection throws a plain MongooseError.
  return error instanceof MongooseError && /before initial connection|bufferCommands/.test(error.message);
}
