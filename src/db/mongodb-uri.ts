import { mongo } from 'mongoose';
import { configurationExitCode } from '../config';
import { AppError } from '../utils/errors';

/** Options that the URI must not override: a read from a secondary may lack acknowledged writes. */
const pinned = /^(readPreference|readPreferenceTags|maxStalenessSeconds|retryWrites)=/i;

/** The URI without the options that this server sets itself, since those in the URI would win. */
export function withoutPinned(uri: string): string {
  const [address, query] = uri.split('?') as [string, string?];
  const rest = query?.split('&').filter((option) => !pinned.test(option)) ?? [];
  return rest.length > 0 ? `${address}?${rest.join('&')}` : address;
}

/** Throws one sentence if the driver cannot accept the URI. */
export function checkUri(uri: string): void {
  let client: mongo.MongoClient;
  try {
    client = new mongo.MongoClient(uri);
  } catch (error) {
    throw wrongUri(faultOfUri(error as Error));
  }
  const { dbName } = client.options;
  if (dbName === 'local') throw wrongUri('its database "local" belongs to MongoDB itself');
  if (!databaseName.test(dbName))
    throw wrongUri(
      `its database name "${dbName.slice(0, 70)}" has a character that MongoDB does not accept, or more than 63 of them`,
    );
}

/** A database name that MongoDB accepts on every system. */
const databaseName = /^[^/\\. "$*<>:|?,]{1,63}$/;

// The driver's message may quote a part of the password.
function faultOfUri({ message }: Error): string {
  if (/Unable to parse|Invalid URL/.test(message)) return 'a host or a port in it is not valid';
  const isAtSign = message === 'Invalid connection string' || /unescaped/i.test(message);
  return isAtSign
    ? 'a part is missing, or an @, :, / or % of the password is not written as %40, %3A, %2F or %25'
    : message;
}

/** The error for an invalid MONGODB_URI; `fault` completes its sentence. */
export const wrongUri = (fault: string): AppError => {
  const message = `MONGODB_URI is not a valid MongoDB address (${fault}); correct it in .env or the environment.`;
  return new AppError('DATABASE_UNAVAILABLE', message, { exitCode: configurationExitCode });
};
