import { mongo } from 'mongoose';
import { configurationExitCode } from '../config';
import { AppError } from '../utils/errors';

/** What the address may not change: read from a secondary, the list lacks what was acknowledged. */
const pinned = /^(readPreference|readPreferenceTags|maxStalenessSeconds|retryWrites)=/i;

/** The address without what this server decides; the driver prefers the address to its options. */
export function withoutPinned(uri: string): string {
  const [address, query] = uri.split('?') as [string, string?];
  const rest = query?.split('&').filter((option) => !pinned.test(option)) ?? [];
  return rest.length > 0 ? `${address}?${rest.join('&')}` : address;
}

/** Throws one sentence where the driver does not take the address at all. */
export function checkUri(uri: string): void {
  let client: mongo.MongoClient;
  try {
    client = new mongo.MongoClient(uri);
  } catch (error) {
    throw wrongUri(faultOfUri(error as Error));
  }
  const { dbName } = client.options;
  if (dbName === 'local') throw wrongUri('its database "local" is one of MongoDB itself');
  if (!databaseName.test(dbName))
    throw wrongUri(`its database name "${dbName.slice(0, 70)}" has a character that MongoDB does not take, or over 63`);
}

/** What MongoDB takes on every system. */
const databaseName = /^[^/\\. "$*<>:|?,]{1,63}$/;

// What the driver quotes can be a part of the password.
function faultOfUri({ message }: Error): string {
  if (/Unable to parse|Invalid URL/.test(message)) return 'a host or a port in it is not valid';
  const isAtSign = message === 'Invalid connection string' || /unescaped/i.test(message);
  return isAtSign
    ? 'a part is missing, or an @, :, / or % of the password is not written as %40, %3A, %2F or %25'
    : message;
}

/** The error of an address that MongoDB does not take; `fault` completes its sentence. */
export const wrongUri = (fault: string): AppError => {
  const message = `MONGODB_URI is not an address of MongoDB (${fault}); correct it in .env or the environment.`;
  return new AppError('DATABASE_UNAVAILABLE', message, { exitCode: configurationExitCode });
};
