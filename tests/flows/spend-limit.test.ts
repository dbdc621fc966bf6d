import { usd } from '../helpers/charges';
import {
  click,
  load,
  newWorkspace,
  resetDoubles,
  settingsFor,
  startDoubles,
  stopDoubles,
  uploadPicture,
} from '../helpers/generating';
import type { Doubles } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';

/** A video of 5 s by gen4.5. */
const price = usd(0.6);
const clicks = 40;
const clients = 8;

let doubles: Doubles;

beforeAll(async () => void (doubles = await startDoubles()), 60_000);
afterEach(() => resetDoubles(doubles));
afterAll(() => stopDoubles(doubles));

const settings = () => ({ ...settingsFor(doubles), VIDEO_MAX_CONCURRENT: '10' });

/** Forty shots at two servers of one database, each clicked by one of eight clients. */
async function clickAll(servers: TestServer[]): Promise<{ ids: string[]; codes: (string | undefined)[] }> {
  const [first] = servers;
  const socket = await connect(first!.wsUrl);
  const picture = await uploadPicture(first!);
  const ids: string[] = [];
  for (let index = 0; index < clicks; index++) ids.push(await newWorkspace(socket, picture));
  const codes: (string | undefined)[] = [];
  const client = async (number: number) => {
    for (let index = number; index < clicks; index += clients) {
      const { body } = await click(servers[number % servers.length]!, ids[index]!);
      codes.push(body.error?.code);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_each, number) => client(number)));
  socket.close();
  return { ids, codes };
}

async function twoServers(more: Record<string, string>): Promise<TestServer[]> {
  const first = await startServer({ ...settings(), MONGODB_URI: freshDatabase(), ...more });
  const folders = { UPLOAD_DIR: first.env.UPLOAD_DIR!, MONGODB_URI: first.env.MONGODB_URI! };
  return [first, await startServer({ ...settings(), ...more, ...folders })];
}

test('forty clicks from eight clients at two servers never pass a limit of three videos', async () => {
  await doubles.runway.set({ ends: 'never' });
  const limit = `${(3 * price.micros) / 1e6} USD`;
  const servers = await twoServers({ SPEND_LIMIT_PER_DAY: limit });
  const { codes } = await clickAll(servers);
  expect(codes.filter((code) => code === undefined)).toHaveLength(3);
  expect(codes.filter((code) => code === 'SPEND_LIMIT_REACHED')).toHaveLength(clicks - 3);
  expect(await doubles.runway.accepted()).toHaveLength(3);
  const { body } = await servers[1]!.get('/api/costs');
  expect(body.total).toEqual([{ ...price, micros: 3 * price.micros }]);
  await Promise.all(servers.map((server) => server.stop()));
}, 60_000);

test('a lowered limit of a film stops what waits at either server, and nothing that was sent', async () => {
  await doubles.runway.set({ ends: 'never' });
  const servers = await twoServers({ VIDEO_MAX_CONCURRENT: '1' });
  const [first, second] = servers as [TestServer, TestServer];
  const socket = await connect(first.wsUrl);
  const picture = await uploadPicture(first);
  const sent = await newWorkspace(socket, picture);
  await click(first, sent);
  const waiting = [await newWorkspace(socket, picture), await newWorkspace(socket, picture)];
  await click(first, waiting[0]!);
  await click(second, waiting[1]!);

  const { film_id } = await load(first, sent);
  await socket.ask({ type: 'film.update', film_id, updates: { settings: { spend_limit: price } } });
  for (const id of waiting) {
    expect((await load(second, id)).video).toMatchObject({
      status: 'failed',
      error: { code: 'SPEND_LIMIT_REACHED', charged: 'no' },
    });
  }
  expect((await load(first, sent)).video.status).toBe('generating');
  expect((await first.get(`/api/costs?film_id=${film_id}`)).body.film).toEqual([price]);
  expect(await doubles.runway.accepted()).toHaveLength(1);
  socket.close();
  await Promise.all(servers.map((server) => server.stop()));
}, 60_000);

test('a click refused by its limit names the limit, what was spent, what it needs, and when it resets', async () => {
  const server = await startServer({ ...settings(), SPEND_LIMIT_PER_DAY: '0.5 USD' });
  const socket = await connect(server.wsUrl);
  const id = await newWorkspace(socket, await uploadPicture(server));
  const { status, body } = await click(server, id);
  expect({ status, code: body.error.code }).toEqual({ status: 409, code: 'SPEND_LIMIT_REACHED' });
  expect(body.error.message).toMatch(/0\.50 USD.*0\.00 USD.*0\.60 USD.*resets at \d{4}-\d\d-\d\dT/);
  socket.close();
  await server.stop();
}, 60_000);
