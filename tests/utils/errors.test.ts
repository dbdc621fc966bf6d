import mongoose, { mongo } from 'mongoose';
import { errorCodes } from '../../src/contract/errors';
import { AppError, toAppError } from '../../src/utils/errors';

const withCode = (code: string) => Object.assign(new Error('from the system'), { code });

test('an error of our own passes as it is', () => {
  const error = new AppError('VIDEO_IN_PROGRESS', 'A video is being made.');
  expect(toAppError(error)).toBe(error);
});

test.each([
  [new mongo.MongoServerSelectionError('away', {} as never), 'DATABASE_UNAVAILABLE'],
  [new mongo.MongoNetworkError('reset'), 'DATABASE_UNAVAILABLE'],
  [
    new mongoose.Error('Cannot call `x` before initial connection is complete if `bufferCommands = false`'),
    'DATABASE_UNAVAILABLE',
  ],
  [withCode('ENOSPC'), 'DISK_FULL'],
  [withCode('EDQUOT'), 'DISK_FULL'],
  [Object.assign(new SyntaxError('bad'), { type: 'entity.parse.failed', status: 400 }), 'INVALID_JSON'],
  [Object.assign(new Error('big'), { type: 'entity.too.large', status: 413 }), 'BODY_TOO_LARGE'],
  [Object.assign(new URIError('bad'), { status: 400 }), 'INVALID_INPUT'],
  [new TypeError('a bug'), 'INTERNAL'],
  ['thrown text', 'INTERNAL'],
  [undefined, 'INTERNAL'],
])('%s becomes %s', (thrown, code) => {
  expect(toAppError(thrown).code).toBe(code);
});

test('what a client reads of a bug names neither the bug nor its place', () => {
  const { body } = toAppError(new TypeError('secret detail of the code'));
  expect(JSON.stringify(body)).not.toMatch(/secret|TypeError|\.ts/);
});

test('every code travels under a status of 400 or more', () => {
  expect(Object.values(errorCodes).every((status) => status >= 400 && status < 600)).toBe(true);
});
