import { startServer, type Answer, type TestServer } from './server';
import { connect, type TestSocket } from './socket';
import { changeStored } from './stored';
import { sendHttp, type RawAnswer } from './wire';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test reads whatever the server says
export type Message = any;

/** The server of a test file, and two tabs of it: `tab` at the socket port, `other` at the HTTP port. */
export let server: TestServer;
export let tab: TestSocket;
export let other: TestSocket;

/** Starts the server and opens the tabs before the tests of a file, and stops it after them. */
export function useServer(settings: Record<string, string> = {}): void {
  beforeAll(async () => {
    server = await startServer(settings);
    tab = await connect(server.wsUrl);
    other = await connect(`${server.url.replace('http', 'ws')}/ws`);
  });

  afterAll(async () => {
    tab.close();
    other.close();
    expect(await server.stop()).toBe(0);
  });
}

export const create = async (fields: object = {}): Promise<Message> =>
  (await tab.ask({ type: 'workspace.create', ...fields })).workspace;

/** Creates a workspace with these fields and returns its id. */
export const createId = async (data: object = {}): Promise<string> => (await create({ data }))._id as string;

/** Creates a workspace whose stored fields are these, such as a video that no test can wait for, and returns its id. */
export async function createStored(fields: object, data: object = {}): Promise<string> {
  const id = await createId(data);
  await changeStored(server.env.MONGODB_URI!, id, fields);
  return id;
}

export const update = (workspace_id: string, updates: unknown, more: object = {}): Promise<Message> =>
  tab.ask({ type: 'workspace.update', workspace_id, updates, ...more });

export const list = async (): Promise<Message[]> => (await server.get('/api/workspaces')).body.workspaces;

export const find = async (workspaceId: string): Promise<Message> =>
  (await list()).find(({ _id }: { _id: string }) => _id === workspaceId);

export const order = async (): Promise<string[]> => (await list()).map(({ _id }) => _id as string);

export const films = async (): Promise<Message[]> => (await server.get('/api/films')).body.films;

/** Creates a film and returns it. */
export const createFilm = async (fields: object = {}): Promise<Message> =>
  (await tab.ask({ type: 'film.create', ...fields })).film;

/** The workspaces of a film. */
export const listOf = async (filmId: string): Promise<Message[]> =>
  (await server.get(`/api/workspaces?film_id=${filmId}`)).body.workspaces;

/** Opens a socket that belongs to a film. */
export const connectTo = (filmId: string): Promise<TestSocket> => connect(`${server.wsUrl}?film_id=${filmId}`);

/** How many frames the other tab has by now: its own answer comes after what was pushed before. */
export async function mark(): Promise<number> {
  await other.ask({ type: 'workspace.reorder', workspace_ids: [], request_id: `mark-${other.frames.length}` });
  return other.frames.length;
}

/** Everything that the other tab was told since. */
export async function heard(since: number): Promise<Message[]> {
  const until = await mark();
  return other.frames.slice(since, until).filter(({ request_id }) => !request_id?.startsWith('mark-'));
}

/** The one answer to a frame, on a socket of its own. */
export async function answerTo(text: string): Promise<Message> {
  const socket = await connect(server.wsUrl);
  socket.send(text);
  const answer = await socket.next(() => true);
  await socket.ask({ type: 'workspace.reorder', workspace_ids: [] });
  expect(socket.frames).toHaveLength(2);
  socket.close();
  return answer;
}

/** Sends a request to the server of the file as bytes; `headers` are those beside Host. */
export const send = (method: string, address: string, headers?: string[], body?: string | Buffer): Promise<RawAnswer> =>
  sendHttp(server.url, method, address, headers, body);

/** Expects an error of the contract over HTTP, with a sentence for people. */
export const expectError = (answer: Pick<Answer, 'status' | 'body'>, status: number, code: string): void =>
  expect(answer).toMatchObject({ status, body: { error: { code, message: expect.stringMatching(/^[A-Z].*[.!]$/) } } });
