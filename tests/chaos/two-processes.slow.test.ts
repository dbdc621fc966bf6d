import { startDoubles, stopDoubles, vendors, wire, type Doubles } from '../helpers/generating';
import {
  click,
  eventually,
  load,
  newWorkspace,
  nextVideo,
  settingsFor,
  toldOf,
  uploadPicture,
} from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect, type TestSocket } from '../helpers/socket';

let doubles: Doubles;
let frozen: TestServer;
let other: TestServer;
let sockets: TestSocket[];
let imagePath: string;

beforeAll(async () => {
  doubles = await startDoubles();
  const settings = {
    ...settingsFor(doubles),
    VIDEO_POLL_INTERVAL_MS: '100',
    VIDEO_MAX_CONCURRENT: '9',
    // Longer than a freeze, so that the answer that came meanwhile is still read.
    PROVIDER_REQUEST_TIMEOUT_MS: '120000',
    MONGODB_URI: freshDatabase(),
  };
  frozen = await startServer(settings);
  // One disk for both, as for two processes on one machine.
  const { UPLOAD_DIR, DATA_DIR } = frozen.env;
  other = await startServer({ ...settings, UPLOAD_DIR: UPLOAD_DIR!, DATA_DIR: DATA_DIR! });
  sockets = [await connect(frozen.wsUrl), await connect(other.wsUrl)];
  imagePath = await uploadPicture(frozen);
}, 150_000);

afterAll(async () => {
  sockets.forEach((socket) => socket.close());
  await Promise.all([frozen.stop(), other.stop()]);
  await stopDoubles(doubles);
});

test('a process frozen while it asks for its tasks finds them finished by the other one', async () => {
  for (const vendor of vendors) await doubles[vendor].set({ queued_ms: 0, running_ms: 2500 });
  const ids = await Promise.all(vendors.map(() => newWorkspace(sockets[0]!, imagePath)));
  await Promise.all(ids.map((id, index) => click(frozen, id, { provider: vendors[index] })));
  await Promise.all(ids.map((id) => nextVideo(sockets[0]!, id, ({ phase }) => phase === 'running')));

  await freezeUntil(() => Promise.all(ids.map((id) => nextVideo(sockets[1]!, id))));
  await useFrozenAgain();

  for (const [index, id] of ids.entries()) {
    expect((await load(other, id)).video).toMatchObject({ status: 'completed', provider: vendors[index] });
    expect(finalsOf(id)).toEqual(['completed']);
    expect(await doubles[vendors[index]!].accepted()).toHaveLength(vendors[index] === 'runway' ? 2 : 1);
  }
}, 150_000);

test('a process frozen inside a paid request neither pays again nor overwrites what the other one found', async () => {
  for (const vendor of vendors) {
    await doubles[vendor].reset();
    await doubles[vendor].set({ queued_ms: 0, running_ms: 100 });
    await doubles[vendor].script([{ match: wire[vendor].create, times: 1, delay_ms: 500 }]);
  }
  const ids = await Promise.all(vendors.map(() => newWorkspace(sockets[0]!, imagePath)));
  const answers = ids.map((id, index) => click(frozen, id, { provider: vendors[index] }));
  await Promise.all(vendors.map((vendor) => eventually(async () => (await doubles[vendor].accepted()).length === 1)));

  await freezeUntil(() => Promise.all(ids.map((id) => nextVideo(sockets[1]!, id))));
  const [runway, ...deduplicated] = ids as [string, string, string];
  // Thawed, it reads the answer that lay in its socket, and what nobody could know is known.
  await nextVideo(sockets[0]!, runway, ({ status }) => status === 'completed');
  await Promise.all(answers);
  await useFrozenAgain();

  for (const id of ids) expect((await load(frozen, id)).video).toMatchObject({ status: 'completed', error: null });
  for (const id of deduplicated) expect(finalsOf(id)).toEqual(['completed']);
  expect(finalsOf(runway).sort()).toEqual(['SUBMIT_UNKNOWN', 'completed']);
  for (const vendor of vendors) {
    expect(await doubles[vendor].accepted()).toHaveLength(vendor === 'runway' ? 2 : 1);
    const cancels = (await doubles[vendor].requests()).filter(({ method }) => method === 'DELETE');
    expect(cancels).toEqual([]);
  }
}, 150_000);

/** SIGSTOP, until the other process has done what is waited for. */
async function freezeUntil(done: () => Promise<unknown>): Promise<void> {
  frozen.child.kill('SIGSTOP');
  try {
    await done();
  } finally {
    frozen.child.kill('SIGCONT');
  }
}

/** Has the thawed process make a whole video, so that whatever it had left to do before is done too. */
async function useFrozenAgain(): Promise<void> {
  const id = await newWorkspace(sockets[0]!, imagePath);
  await click(frozen, id);
  await eventually(async () => (await load(frozen, id)).video.status === 'completed');
}

/** The ends that the sockets were told of a video; none is told one twice. */
function finalsOf(id: string): string[] {
  const told = sockets.map((socket) =>
    toldOf(socket, id)
      .filter(({ status }) => status === 'completed' || status === 'failed')
      .map(({ status, error }) => error?.code ?? status),
  );
  for (const finals of told) expect(new Set(finals).size).toBe(finals.length);
  return [...new Set(told.flat())];
}
