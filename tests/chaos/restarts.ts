import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startServer } from '../helpers/server';
import { createTally, openClient, type Tally } from './client';
import { createRandom, newSeed, startFaultyMongod } from './faults';

export type RestartsOptions = {
  restarts?: number;
  sockets?: number;
  seed?: number;
  print?: (line: string) => void;
};

export type RestartsResult = Tally & {
  campaign: 'restarts';
  ok: boolean;
  seed: number;
  restarts: number;
  sent: number;
  acknowledged: number;
  lost: number;
  appliedTwice: number;
  exitCodes: Record<string, number>;
};

const rhythmMs = 200;
const shortestRunMs = 300;
const longestRunMs = 1200;

/** Stops and starts the server under load, as a deployment does; counts what was acknowledged and lost. */
export async function runRestarts(options: RestartsOptions = {}): Promise<RestartsResult> {
  const { restarts = 50, sockets = 8, seed = newSeed(), print = console.log } = options;
  print(`restarts: seed ${seed}`);
  const random = createRandom(seed);
  const tally = createTally();
  const exitCodes: Record<string, number> = {};
  let sent = 0;
  let acknowledged = 0;
  let isEditing = true;
  const mongod = await startFaultyMongod();
  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-restarts-'));
  let server = await startServer({ MONGODB_URI: mongod.uri, LOG_LEVEL: 'info', TEST_FOLDER: folder });
  const clients = Array.from({ length: sockets }, () => openClient(() => server.wsUrl, tally));
  try {
    const editing = clients.map(async (client, index) => {
      const { workspace } = await client.ask({ type: 'workspace.create' });
      const asked: Promise<void>[] = [];
      for (let number = 1; isEditing; number++) {
        const updates = { form_data: { prompt: `${index}.${number}` } };
        sent++;
        asked.push(
          client.ask({ type: 'workspace.update', workspace_id: workspace._id, updates }).then((answer) => {
            if (answer.type === 'workspace.sync_confirm') acknowledged++;
          }),
        );
        await delay(rhythmMs);
      }
      await Promise.all(asked);
      return { id: String(workspace._id), updates: asked.length };
    });

    for (let number = 1; number <= restarts; number++) {
      await delay(shortestRunMs + random() * (longestRunMs - shortestRunMs));
      const code = await server.stop();
      exitCodes[String(code)] = (exitCodes[String(code)] ?? 0) + 1;
      server = await server.restart();
      await Promise.all(clients.map((client) => client.opened()));
      print(`restarts: ${number}/${restarts}, ${acknowledged}/${sent} acknowledged`);
    }
    isEditing = false;
    const edited = await Promise.all(editing);

    const { body } = await server.get('/api/workspaces');
    let lost = 0;
    let appliedTwice = 0;
    for (const { id, updates } of edited) {
      const steps = body.workspaces.find(({ _id }: { _id: string }) => _id === id).version - 1;
      lost += Math.max(0, updates - steps);
      appliedTwice += Math.max(0, steps - updates);
    }
    const isWhole = acknowledged === sent && lost + appliedTwice + tally.late + tally.surplus === 0;
    const isGraceful = exitCodes['0'] === restarts && Object.keys(tally.closes).every((code) => code === '1012');
    const ok = isWhole && isGraceful;
    // As it was before the clients themselves are closed.
    const closes = { ...tally.closes };
    return {
      campaign: 'restarts',
      ok,
      seed,
      restarts,
      sent,
      acknowledged,
      lost,
      appliedTwice,
      exitCodes,
      ...tally,
      closes,
    };
  } finally {
    isEditing = false;
    clients.forEach((client) => client.close());
    await server.kill();
    await mongod.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
