import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { createSocket, type SyncSocket } from '../../../src/web/sync/socket';
import type { ClientMessage } from '../../../src/web/sync/outbox';

let server: WebSocketServer;
let socket: SyncSocket | undefined;

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
});
afterEach(async () => {
  socket?.stop();
  server.clients.forEach((client) => client.terminate());
  await new Promise((resolve) => server.close(resolve));
});

const message = (requestId: string): ClientMessage => ({
  type: 'workspace.delete',
  request_id: requestId,
  workspace_id: 'a'.repeat(24),
});

/** Opens a socket that writes down what happens to it; `until` resolves when that has happened so often. */
function open(options: { answerWithinMs?: number } = {}) {
  const happened: string[] = [];
  const waiters = new Set<() => void>();
  const note = (event: string) => {
    happened.push(event);
    waiters.forEach((look) => look());
  };
  const until = (event: string, times = 1) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (happened.filter((other) => other === event).length >= times) resolve();
      };
      waiters.add(look);
      look();
    });
  const { port } = server.address() as AddressInfo;
  socket = createSocket(
    { url: `ws://127.0.0.1:${port}`, WebSocket, backoffBaseMs: 5, backoffCapMs: 20, ...options },
    {
      opened: () => note('opened'),
      received: ({ type }) => note(type),
      closed: () => note('closed'),
    },
  );
  socket.start();
  return { socket, happened, until, note };
}

it('connects again after each loss, until it is stopped', async () => {
  const { socket, happened, until } = open();
  for (const times of [1, 2, 3]) {
    await until('opened', times);
    server.clients.forEach((client) => client.terminate());
    await until('closed', times);
  }
  await until('opened', 4);
  socket.stop();
  expect(socket.isOpen()).toBe(false);
  expect(happened.slice(-2)).toEqual(['opened', 'closed']);

  socket.reconnectNow();
  expect(socket.isOpen()).toBe(false);
});

it('tells of one missed answer, and gives the connection up at the second in a row', async () => {
  const { socket, happened, until, note } = open({ answerWithinMs: 30 });
  await until('opened');
  socket.send(message('1'), () => {
    note('missed 1');
    socket.send(message('1'), () => note('missed 1 again'));
  });
  await until('opened', 2);
  expect(happened).toEqual(['opened', 'missed 1', 'closed', 'opened']);
});

it('counts from the start after any message, and waits no longer for what was answered', async () => {
  server.on('connection', (client) => {
    client.on('message', (data) => {
      const { request_id: requestId } = JSON.parse((data as Buffer).toString()) as ClientMessage;
      if (requestId.startsWith('lost')) return;
      client.send(JSON.stringify({ type: 'workspace.deleted', request_id: requestId, workspace_id: 'a'.repeat(24) }));
    });
  });
  const { socket, happened, until, note } = open({ answerWithinMs: 200 });
  await until('opened');
  for (const round of [1, 2, 3]) {
    socket.send(message(`lost ${round}`), () => note('missed'));
    await until('missed', round);
    socket.send(message(`answered ${round}`), () => note('answered and missed'));
    await until('workspace.deleted', round);
  }
  expect(happened).not.toContain('closed');
  expect(happened).not.toContain('answered and missed');
});
