import { emptyForm, idleVideo, wholeClip } from '../../../src/contract/defaults';
import type { Workspace } from '../../../src/contract/workspace';
import { createSync, type SyncClient } from '../../../src/web/sync/client';
import type { ClientMessage } from '../../../src/web/sync/outbox';
import type { SocketEvents, SyncSocket } from '../../../src/web/sync/socket';
import { memoryStorage } from '../../../src/web/sync/storage';

const [rain, snow] = ['a'.repeat(24), 'b'.repeat(24)] as const;
const now = new Date().toISOString();

const shot = (id: string, order: number): Workspace => ({
  _id: id,
  film_id: 'f'.repeat(24),
  order_index: order,
  image_path: null,
  image_url: null,
  end_image_path: null,
  end_image_url: null,
  form_data: emptyForm,
  cut: wholeClip,
  video: idleVideo,
  takes: [],
  ai_collaboration: [],
  version: 1,
  created_at: now,
  updated_at: now,
});

/** A connection without a network: the test reads what is sent, and says what arrives and when it is lost. */
function createLine() {
  const sent: ClientMessage[] = [];
  const lookers = new Set<() => void>();
  let events: SocketEvents;
  let isOpen = false;

  const lose = () => {
    isOpen = false;
    events.closed();
  };
  const createSocket = (given: SocketEvents): SyncSocket => {
    events = given;
    return {
      start: () => undefined,
      stop: lose,
      isOpen: () => isOpen,
      send: (message) => {
        sent.push(structuredClone(message));
        lookers.forEach((look) => look());
      },
      restart: lose,
      reconnectNow: () => undefined,
      resetBackoff: () => undefined,
    };
  };
  return {
    createSocket,
    open: () => {
      isOpen = true;
      events.opened();
    },
    lose,
    confirm: ({ request_id: requestId }: ClientMessage, id: string, version: number) =>
      events.received({
        type: 'workspace.sync_confirm',
        request_id: requestId,
        workspace_id: id,
        version,
        updated_at: now,
      }),
    /** Resolves with all that was sent, once it is so much. */
    sent: (count: number) =>
      new Promise<ClientMessage[]>((resolve) => {
        const look = () => void (sent.length >= count && resolve([...sent]));
        lookers.add(look);
        look();
      }),
  };
}

let sync: SyncClient;
let line: ReturnType<typeof createLine>;

beforeEach(() => {
  line = createLine();
  sync = createSync({
    url: 'ws://127.0.0.1:9',
    createSocket: line.createSocket,
    fetch: async () => Response.json({ workspaces: [shot(rain, 0), shot(snow, 1)] }),
    storage: memoryStorage(),
    takeLock: async () => true,
  });
  sync.start();
});
afterEach(() => sync.stop());

const told = (messages: ClientMessage[]) =>
  messages.map((message) => [message.type, 'workspace_id' in message && message.workspace_id]);

it('sends one message of a shot at a time, and messages of other shots meanwhile', async () => {
  line.open();
  sync.update(rain, { 'form_data.prompt': 'rain' });
  sync.chooseTake(rain, 'c'.repeat(24));
  sync.update(snow, { 'form_data.prompt': 'snow' });
  sync.flush();
  const both = await line.sent(2);
  expect(told(both)).toEqual([
    ['workspace.update', rain],
    ['workspace.update', snow],
  ]);

  line.confirm(both[1]!, snow, 2);
  line.confirm(both[0]!, rain, 2);
  const all = await line.sent(3);
  expect(told(all.slice(2))).toEqual([['workspace.choose_take', rain]]);
  expect(all[2]).toMatchObject({ base_version: 2 });
});

it('sends a message that was lost with its connection again over the next one, under its request_id', async () => {
  line.open();
  sync.update(rain, { 'form_data.prompt': 'rain' });
  sync.flush();
  const [first] = await line.sent(1);
  line.lose();
  expect(sync.getSnapshot()).toMatchObject({ state: 'offline', waiting: 1 });

  line.open();
  const [, second] = await line.sent(2);
  expect(second).toEqual(first);
});
