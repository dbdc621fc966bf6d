import { mongo } from 'mongoose';
import { withoutPinned } from '../../src/db/mongodb-uri';

const host = 'mongodb://user:p%40ss@127.0.0.1:27017/films';
const optionsOf = (uri: string) => new mongo.MongoClient(withoutPinned(uri), { retryWrites: true }).options;

test('an address cannot make the server read what is not stored yet, nor repeat its writes less', () => {
  const { readPreference, retryWrites, replicaSet, credentials } = optionsOf(
    `${host}?readPreference=secondaryPreferred&retryWrites=false&replicaSet=rs0&maxStalenessSeconds=120&authSource=admin`,
  );
  expect(readPreference.mode).toBe('primary');
  expect(retryWrites).toBe(true);
  expect(replicaSet).toBe('rs0');
  expect(credentials?.source).toBe('admin');
});

test.each([host, `${host}?replicaSet=rs0`, 'mongodb://127.0.0.1/?w=1&journal=false'])(
  'an address without these stays as it is (%s)',
  (uri) => expect(withoutPinned(uri)).toBe(uri),
);

test('an address with nothing else keeps no question mark', () => {
  expect(withoutPinned(`${host}?readPreference=nearest`)).toBe(host);
});
