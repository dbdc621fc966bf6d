import { setTimeout as delay } from 'node:timers/promises';
import { startServer } from '../helpers/server';
import { createTally, openClient, type Frame } from './client';
import { startFaultyMongod, until } from './faults';

export type AwayOptions = {
  awayMs?: number;
  /** `freeze`: connections stay open and nothing answers; `kill`: it dies again and again. */
  how?: 'freeze' | 'kill';
  sockets?: number;
  print?: (line: string) => void;
};

export type AwayResult = {
  campaign: 'away';
  ok: boolean;
  how: string;
  awayMs: number;
  /** Messages sent while the database was away, and their answers by code. */
  sent: number;
  answers: Record<string, number>;
  slowestMs: number;
  unhealthyAfterMs: number;
  healthyAfterMs: number;
  storedAfterwards: boolean;
  sameProcess: boolean;
};

const answerWithinMs = 5000;
const healthWithinMs = 10_000;
const messageEveryMs = 200;

/** Takes the database away and gives it back; every message of the meantime is answered, and the server lives. */
export async function runAway(options: AwayOptions = {}): Promise<AwayResult> {
  const { awayMs = 60_000, how = 'freeze', sockets = 4, print = console.log } = options;
  print(`away: the database is away for ${awayMs} ms by ${how}`);
  const mongod = await startFaultyMongod();
  const server = await startServer({ MONGODB_URI: mongod.uri, LOG_LEVEL: 'info' });
  const tally = createTally();
  const firstAnswers: { code: string; tookMs: number }[] = [];
  const asked: Promise<unknown>[] = [];
  const clients = Array.from({ length: sockets }, () => openClient(() => server.wsUrl, tally));
  try {
    const { workspace } = await clients[0]!.ask({ type: 'workspace.create' });
    const isHealthy = async () => (await server.get('/health')).status === 200;
    await until(isHealthy, healthWithinMs, '/health is 200 at the start');

    const away = await holdAway();
    const unhealthy = until(async () => !(await isHealthy()), healthWithinMs, '/health is 503');
    const startedAt = performance.now();
    for (let number = 1; performance.now() - startedAt < awayMs - answerWithinMs; number++) {
      const client = clients[number % sockets]!;
      const updates = { form_data: { prompt: `away ${number}` } };
      const sentAt = performance.now();
      const first = client.askOnce({ type: 'workspace.update', workspace_id: workspace._id, updates });
      asked.push(
        first.then((answer: Frame) =>
          firstAnswers.push({ code: answer.code ?? answer.type, tookMs: performance.now() - sentAt }),
        ),
      );
      await delay(messageEveryMs);
    }
    await Promise.all(asked);
    const unhealthyAfterMs = Math.round(await unhealthy);
    await away.end();
    const healthyAfterMs = Math.round(await until(isHealthy, healthWithinMs, '/health is 200 again'));

    const last = {
      type: 'workspace.update',
      workspace_id: workspace._id,
      updates: { form_data: { lighting: 'back' } },
    };
    const confirm = await clients[0]!.ask(last);
    const { body } = await server.get('/api/workspaces');
    const answers: Record<string, number> = {};
    for (const { code } of firstAnswers) answers[code] = (answers[code] ?? 0) + 1;
    const slowestMs = Math.round(Math.max(...firstAnswers.map(({ tookMs }) => tookMs)));
    const storedAfterwards =
      confirm.type === 'workspace.sync_confirm' && body.workspaces[0].form_data.lighting === 'back';
    const sameProcess = server.child.exitCode === null && server.child.signalCode === null;
    const isAnswered = slowestMs <= answerWithinMs && answers.DATABASE_UNAVAILABLE === firstAnswers.length;
    const ok = isAnswered && storedAfterwards && sameProcess && tally.late + tally.surplus === 0;
    const sent = firstAnswers.length;
    return {
      campaign: 'away',
      ok,
      how,
      awayMs,
      sent,
      answers,
      slowestMs,
      unhealthyAfterMs,
      healthyAfterMs,
      storedAfterwards,
      sameProcess,
    };
  } finally {
    clients.forEach((client) => client.close());
    await mongod.thaw().catch(() => undefined);
    await server.kill();
    await mongod.stop();
  }

  /** Resolves when the database is away. */
  async function holdAway(): Promise<{ end: () => Promise<void> }> {
    if (how === 'freeze') {
      await mongod.freeze();
      return { end: () => mongod.thaw() };
    }
    let isAway = true;
    await mongod.kill();
    const holding = (async () => {
      while (isAway) await mongod.kill().then(() => delay(50));
    })();
    return {
      end: () => {
        isAway = false;
        return holding;
      },
    };
  }
}
