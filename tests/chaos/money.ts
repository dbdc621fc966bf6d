import { mkdtemp, rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { Video } from '../../src/contract/video';
import type { Accepted } from '../doubles/double';
import { isFinal, startDoubles, stopDoubles, vendors, wire } from '../helpers/generating';
import { click, newWorkspace, settingsFor, uploadPicture, type Vendor } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { connect } from '../helpers/socket';
import { createRandom, newSeed } from './faults';

export type MoneyOptions = {
  generations?: number;
  /** SIGKILLs of the server; most of them are aimed at the time between a create and its answer. */
  kills?: number;
  seed?: number;
  print?: (line: string) => void;
};

export type MoneyResult = {
  campaign: 'money';
  ok: boolean;
  seed: number;
  generations: number;
  kills: number;
  /** Kills that left a create whose answer was out. */
  killsInSubmit: number;
  accepted: number;
  /** Creates that a vendor took although it had taken one of the same attempt. */
  extraCreates: number;
  /** Generations for which a second attempt was made. */
  extraAttempts: number;
  /** Without an end 60 s after the last restart. */
  withoutEnd: number;
  completed: number;
  ends: Record<string, number>;
  seconds: number;
};

type StoredJob = { _id: mongoose.mongo.BSON.ObjectId; video: Video; clicks: unknown[]; superseded: unknown[] };

const workersPerVendor = 3;
const answerDelayMs = 200;
/** Time that is left to the server between two kills, at most. */
const breatherMs = 1000;
const aimedShare = 0.6;
const settleWithinMs = 60_000;
const lookEveryMs = 200;
const progressEveryMs = 5000;

/** Paid generations of the three vendors while the server is killed again and again; the vendors' own logs are the judge. */
export async function runMoney(options: MoneyOptions = {}): Promise<MoneyResult> {
  const { generations = 300, kills = Math.ceil(generations / 2.5), seed = newSeed(), print = console.log } = options;
  const random = createRandom(seed);
  const startedAt = performance.now();
  print(`money: seed ${seed}`);

  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-money-'));
  const logOf = (vendor: Vendor) => path.join(folder, `${vendor}.jsonl`);
  const doubles = await startDoubles(logOf);
  for (const vendor of vendors) {
    await doubles[vendor].set({ queued_ms: 200, running_ms: 600 });
    await doubles[vendor].script([{ match: wire[vendor].create, delay_ms: answerDelayMs }]);
  }
  const uri = freshDatabase();
  const database = await new mongoose.mongo.MongoClient(uri).connect();
  const workspaces = database.db().collection<StoredJob>('workspaces');
  let server: TestServer = await startServer({
    ...settingsFor(doubles),
    MONGODB_URI: uri,
    LOG_LEVEL: 'info',
    VIDEO_POLL_INTERVAL_MS: '100',
    VIDEO_MAX_CONCURRENT: String(vendors.length * workersPerVendor),
    PROVIDER_REQUEST_TIMEOUT_MS: '5000',
  });
  const tally = { kills: 0, killsInSubmit: 0 };
  let ended = 0;
  const progress = setInterval(() => print(progressLine()), progressEveryMs);
  try {
    const jobs = await createJobs();
    const queue = [...jobs];
    const working = vendors.flatMap(() => Array.from({ length: workersPerVendor }, () => work(queue)));
    await Promise.all([killAgainAndAgain(), ...working]);
    await settle();
    return await judge();
  } finally {
    clearInterval(progress);
    await server.kill();
    await database.close();
    await stopDoubles(doubles);
    await rm(folder, { recursive: true, force: true });
    await rm(server.folder, { recursive: true, force: true });
  }

  function progressLine(): string {
    return `money: ${ended}/${generations} ended, ${tally.kills}/${kills} kills, ${tally.killsInSubmit} of them inside a submit`;
  }

  async function createJobs() {
    const socket = await connect(server.wsUrl);
    const imagePath = await uploadPicture(server);
    const jobs: { id: string; vendor: Vendor }[] = [];
    for (let index = 0; index < generations; index++) {
      jobs.push({ id: await newWorkspace(socket, imagePath), vendor: vendors[index % vendors.length]! });
    }
    socket.close();
    return jobs;
  }

  /** One user: clicks, again under the same request_id where no answer comes, and waits for the end. */
  async function work(queue: { id: string; vendor: Vendor }[]): Promise<void> {
    for (let job = queue.shift(); job; job = queue.shift()) {
      // The kills are spread over all generations.
      while ((generations - queue.length) * kills > (tally.kills + vendors.length * workersPerVendor) * generations) {
        await delay(lookEveryMs);
      }
      const { id, vendor } = job;
      while (!(await isAnswered(id, vendor))) await delay(lookEveryMs);
      while (!(await hasEnded(id))) await delay(lookEveryMs);
      ended++;
    }
  }

  async function isAnswered(id: string, vendor: Vendor): Promise<boolean> {
    try {
      const { status, body } = await click(server, id, { provider: vendor, request_id: `click-${id}` });
      if (status === 202 || body.error?.code === 'SUBMIT_UNKNOWN') return true;
      print(`money: click answered ${status} ${JSON.stringify(body)}`);
      return false;
    } catch {
      return false;
    }
  }

  async function hasEnded(id: string): Promise<boolean> {
    const found = await workspaces.findOne({ _id: new mongoose.mongo.BSON.ObjectId(id) });
    return isFinal(found!.video);
  }

  async function killAgainAndAgain(): Promise<void> {
    while (tally.kills < kills && ended < generations) {
      // The clicks that a kill has set free come at once after the start: later there may be none to aim at.
      if (random() < aimedShare) await nextAccepted();
      else await delay(random() * breatherMs);
      await server.kill();
      tally.kills++;
      if ((await workspaces.countDocuments({ 'job.state': 'submitting' })) > 0) tally.killsInSubmit++;
      server = await server.restart();
    }
  }

  /** The moment in which a vendor has taken a create and not answered yet; waits at most 2 s for it. */
  async function nextAccepted(): Promise<void> {
    const size = () =>
      vendors.reduce((sum, vendor) => sum + (statSync(logOf(vendor), { throwIfNoEntry: false })?.size ?? 0), 0);
    const before = size();
    for (const giveUpAt = Date.now() + 2000; size() === before && Date.now() < giveUpAt;) await delay(5);
    await delay(random() * 0.5 * answerDelayMs);
  }

  async function settle(): Promise<void> {
    const giveUpAt = Date.now() + settleWithinMs;
    while (Date.now() < giveUpAt && (await withoutEnd()) > 0) await delay(lookEveryMs);
  }

  function withoutEnd(): Promise<number> {
    return workspaces.countDocuments({ 'video.status': { $nin: ['completed', 'failed'] } });
  }

  async function judge(): Promise<MoneyResult> {
    const accepted = (await Promise.all(vendors.map((vendor) => doubles[vendor].accepted()))).flat();
    const stored = await workspaces.find().toArray();
    const ends: Record<string, number> = {};
    for (const { video } of stored) {
      const end = `${video.provider} ${video.error?.code ?? video.status}`;
      ends[end] = (ends[end] ?? 0) + 1;
    }
    const extraCreates = accepted.length - new Set(accepted.map(attemptOf)).size;
    const extraAttempts = stored.filter(
      ({ clicks, superseded }) => clicks.length !== 1 || superseded.length > 0,
    ).length;
    const figures = {
      generations: stored.length,
      ...tally,
      accepted: accepted.length,
      extraCreates,
      extraAttempts,
      withoutEnd: await withoutEnd(),
      completed: stored.filter(({ video }) => video.status === 'completed').length,
      ends,
    };
    const isPaidOnce = extraCreates + extraAttempts + figures.withoutEnd === 0;
    const isWhole = stored.length === generations && figures.accepted >= figures.completed;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    print(progressLine());
    return { campaign: 'money', ok: isPaidOnce && isWhole, seed, ...figures, seconds };
  }
}

/** What tells the creates of one attempt: its key or id, else the body, since no two prompts are the same. */
const attemptOf = ({ idempotency_key: key, external_id: id, body_sha256: body }: Accepted): string => key ?? id ?? body;
