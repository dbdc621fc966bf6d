import fc from 'fast-check';
import type { Workspace } from '../../../src/contract/workspace';
import { startServer, type TestServer } from '../../helpers/server';
import { startClient, stopClients, type TestClient } from './clients';

type Step =
  | { kind: 'create' }
  | { kind: 'cut' }
  | { kind: 'pause' }
  | { kind: 'edit'; place: number; field: 'prompt' | 'lighting'; value: string }
  | { kind: 'delete'; place: number }
  | { kind: 'restore'; place: number }
  | { kind: 'front'; place: number };

const runs = 12;

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const place = fc.nat({ max: 5 });
const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.constantFrom<Step>({ kind: 'create' }, { kind: 'cut' }, { kind: 'pause' }),
  fc.record({
    kind: fc.constant('edit'),
    place,
    field: fc.constantFrom('prompt', 'lighting'),
    value: fc.string({ maxLength: 5 }),
  }),
  fc.record({ kind: fc.constant('delete'), place }),
  fc.record({ kind: fc.constant('restore'), place }),
  fc.record({ kind: fc.constant('front'), place }),
);
const story = fc.array(fc.tuple(fc.nat({ max: 3 }), step), { minLength: 20, maxLength: 60 });

it('leaves two to four clients and the server with the same timeline, whatever they do and however often they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 4 }), story, async (count, steps) => {
      const clients = Array.from({ length: count }, () => startClient(server.wsUrl, server.url));
      try {
        await Promise.all(clients.map((client) => client.saved()));
        const created: string[] = [];
        for (const [who, what] of steps) await perform(clients[who % count]!, what, created);
        await settle(clients);
      } finally {
        stopClients();
      }
    }),
    { numRuns: runs, endOnFailure: true },
  );
}, 120_000);

async function perform(client: TestClient, step: Step, created: string[]): Promise<void> {
  const { ids } = client.getSnapshot();
  if (step.kind === 'create') created.push(client.create());
  else if (step.kind === 'cut') client.cut();
  else if (step.kind === 'pause') await new Promise((resolve) => setTimeout(resolve, 20));
  else if (step.kind === 'restore') {
    const id = created[step.place % Math.max(created.length, 1)];
    if (id) client.restore(id);
  } else {
    const id = ids[step.place % Math.max(ids.length, 1)];
    if (!id) return;
    if (step.kind === 'edit') client.update(id, { [`form_data.${step.field}`]: step.value });
    if (step.kind === 'delete') client.delete(id);
    if (step.kind === 'front') client.reorder([id, ...ids.filter((other) => other !== id)]);
  }
}

/** Waits until everybody is done, and for the pushes that are still on their way to be the same everywhere. */
async function settle(clients: TestClient[]): Promise<void> {
  await Promise.all(
    clients.map((client) => client.until(({ state, waiting }) => state !== 'offline' && waiting === 0)),
  );
  clients.forEach((client) => client.dismiss());
  await Promise.all(clients.map((client) => client.saved()));
  const { body } = await server.get('/api/workspaces');
  const wanted = view(body.workspaces as Workspace[]);
  for (const client of clients) {
    const seen = () => view(client.getSnapshot().ids.map((id) => client.getSnapshot().byId[id]!));
    const isEqual = client.until(() => JSON.stringify(seen()) === JSON.stringify(wanted));
    await Promise.race([isEqual, new Promise((resolve) => setTimeout(resolve, 3000))]);
    expect(seen()).toEqual(wanted);
  }
}

const view = (list: Workspace[]) => list.map(({ _id: id, form_data: form, version }) => ({ id, form, version }));
