import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { Options } from '../../src/contract/options';
import type { Video } from '../../src/contract/video';
import type { Billed } from '../doubles/double';
import { click, isFinal, settingsFor, startDoubles, stopDoubles, uploadPicture, vendors } from '../helpers/generating';
import { freshDatabase, startServer, type TestServer } from '../helpers/server';
import { createTally, openClient } from './client';
import { faultsOfCharges, faultsOfSums, faultsOfVideos, readCosts, sumOf, type Known } from './costs-judge';
import { drawStories, timeoutMs, type Plan, type Story } from './costs-stories';
import { createRandom, newSeed, until } from './faults';

export type CostsOptions = {
  outcomes?: number;
  /** SIGKILLs of the server, most of them between two writes. */
  kills?: number;
  seed?: number;
  print?: (line: string) => void;
};

export type CostsResult = {
  campaign: 'costs';
  ok: boolean;
  seed: number;
  outcomes: number;
  /** How many of each kind were drawn. */
  kinds: Record<string, number>;
  kills: number;
  /** Kills that came at the point between two writes at which they were aimed. */
  killsBetweenWrites: number;
  /** Creates that the doubles took. */
  accepted: number;
  /** Charges by state, before a user settled any. */
  charges: Record<string, number>;
  /** In dollars: what the doubles billed, what `/api/costs` said, the unclear part of that, and what it said once that was settled. */
  billed: number;
  total: number;
  unclear: number;
  settled: number;
  /** Films that are gone with their shots, and shots that are gone. */
  filmsGone: number;
  shotsGone: number;
  /** Answers to clicks by status or code. */
  answers: Record<string, number>;
  faults: string[];
  seconds: number;
};

type StoredJob = { state: string; task_id: string | null };
type StoredShot = {
  _id: mongoose.mongo.BSON.ObjectId;
  film_id: mongoose.mongo.BSON.ObjectId;
  video: Video;
  takes: Video[];
  job: StoredJob | null;
  clicks: { request_id: string; attempt_id: string }[];
  deleted_at: Date | null;
};

/** The points of `crash-points.cjs` at which the server kills itself. */
const points = [
  'after-reserve',
  'after-claim',
  'before-sent-saved',
  'after-sent-before-request',
  'during-request',
  'after-answer-before-journal',
  'after-journal-before-save',
  'after-save-before-poll',
  'mid-poll',
  'after-poll-before-save',
  'before-charge',
  'after-charge',
  'after-fetching-saved',
  'after-rename-before-save',
  'after-complete-before-push',
] as const;

const workers = 15;
/** Fewer than workers, so that some wait. */
const slots = 12;
const aimedShare = 0.7;
const pointWithinMs = 3000;
const trashEmptiedShare = 0.4;
const shotsPerFilm = 50;
const lookEveryMs = 100;
/** The database keeps the locks of a server that was killed for 60 s, and a create without an answer keeps its place. */
const storyWithinMs = 120_000;
const settleWithinMs = 90_000;
const progressEveryMs = 5000;
/** Longer than the quarter of an hour for which a create is repeated under its key. */
const keyKnownMs = 16 * 60 * 1000;
const monthMs = 31 * 24 * 3600 * 1000;
const shownFaults = 20;
const isNotEnded = { $nin: [null, 'in_doubt'] };

/** Random outcomes of paid generations while the server is killed again and again; the bills of the doubles are the judge of `/api/costs`. */
export async function runCosts(options: CostsOptions = {}): Promise<CostsResult> {
  const { outcomes = 1000, kills = Math.ceil(outcomes / 40), seed = newSeed(), print = console.log } = options;
  const random = createRandom(seed);
  // Kills of their own, since the number of draws depends on the time.
  const randomOfKills = createRandom(seed + 1);
  const startedAt = performance.now();
  print(`costs: seed ${seed}`);

  const folder = await mkdtemp(path.join(os.tmpdir(), 'video-maker-costs-'));
  const file = (name: string) => path.join(folder, name);
  const doubles = await startDoubles(() => file('accepted'));
  const uri = freshDatabase();
  const database = await new mongoose.mongo.MongoClient(uri).connect();
  const shots = database.db().collection<StoredShot>('workspaces');
  const films = database.db().collection<{ deleted_at: Date | null }>('films');
  let server: TestServer = await startServer({
    ...settingsFor(doubles),
    MONGODB_URI: uri,
    LOG_LEVEL: 'info',
    VIDEO_POLL_INTERVAL_MS: '100',
    VIDEO_RECHECK_INTERVAL_MS: '500',
    VIDEO_TIMEOUT_MS: String(timeoutMs),
    VIDEO_MAX_CONCURRENT: String(slots),
    PROVIDER_REQUEST_TIMEOUT_MS: '5000',
    // A program that makes no posters, since nobody looks at them here.
    FFMPEG_PATH: 'false',
    TEST_NODE_ARGS: `-r ${path.join(__dirname, 'crash-points.cjs')}`,
    CRASH_ARMED: file('armed'),
    CRASH_FIRED: file('fired'),
    CRASH_ACCEPTED: file('accepted'),
  });
  const client = openClient(() => server.wsUrl, createTally());
  // Of its own, since a message waits for those before it: the database keeps the locks of a transaction for 60 s whose server was killed.
  const deleter = openClient(() => server.wsUrl, createTally());
  const tally = { kills: 0, killsBetweenWrites: 0 };
  const answers: Record<string, number> = {};
  const faults: string[] = [];
  /** The click of each attempt, which is remembered when its shot is gone. */
  const clickOf = new Map<string, string>();
  let filmId = '';
  let imagePath = '';
  let started = 0;
  let ended = 0;
  const progress = setInterval(() => print(progressLine()), progressEveryMs);
  try {
    const { body } = await server.get('/api/options');
    const stories = drawStories(outcomes, random, body as Options);
    await scriptDoubles(stories);
    imagePath = await uploadPicture(server);
    const queue = [...stories];
    await Promise.all([killAgainAndAgain(), ...Array.from({ length: workers }, () => work(queue))]);
    await settle({ deleted_at: null });
    await crash({ before: ageUnanswered });
    await settle();
    return await judge(stories);
  } finally {
    clearInterval(progress);
    client.close();
    deleter.close();
    await server.kill();
    await database.close();
    await stopDoubles(doubles);
    await rm(folder, { recursive: true, force: true });
    if (faults.length === 0) await rm(server.folder, { recursive: true, force: true });
    else print(`costs: the log of the server is in ${server.folder}`);
  }

  function progressLine(): string {
    return `costs: ${ended}/${outcomes} ended, ${tally.kills}/${kills} kills, ${tally.killsBetweenWrites} of them between two writes`;
  }

  async function scriptDoubles(stories: Story[]): Promise<void> {
    for (const vendor of vendors) {
      const plans = stories.filter((story) => story.vendor === vendor).flatMap(({ first, second }) => [first, second]);
      await doubles[vendor].set({ queued_ms: 100, running_ms: 300 });
      await doubles[vendor].script(plans.flatMap((plan) => plan?.rules ?? []));
    }
  }

  /** One user with one shot after the other. */
  async function work(queue: Story[]): Promise<void> {
    for (let story = queue.shift(); story; story = queue.shift()) {
      // The kills are spread over all outcomes.
      while (started * kills > (tally.kills + 1) * outcomes + workers * kills) await delay(lookEveryMs);
      started++;
      await play(story).catch((error: unknown) => faults.push(`${story.kind} of ${story.first.mark} ${String(error)}`));
      ended++;
    }
  }

  async function play(story: Story): Promise<void> {
    const { kind, moment, first, second } = story;
    const id = await newShot(story);
    const clicked = clickUntilAnswered(id, first, false);
    await happen(kind, id, moment);
    await clicked;
    await endOf(id, first);
    if (!second) return;
    await client.ask({
      type: 'workspace.update',
      workspace_id: id,
      updates: { form_data: { prompt: promptOf(second) } },
    });
    await clickUntilAnswered(id, second, true);
    await endOf(id, second);
  }

  async function newShot({ kind, form, first }: Story): Promise<string> {
    const workspace_id = newId();
    let film_id = filmId;
    if (kind === 'film deleted') film_id = await newFilm();
    else if (started % shotsPerFilm === 1 || film_id === '') film_id = filmId = await newFilm();
    const data = { image_path: imagePath, form_data: { ...form, prompt: promptOf(first) } };
    await client.ask({ type: 'workspace.create', workspace_id, film_id, data });
    return workspace_id;
  }

  async function newFilm(): Promise<string> {
    const film_id = newId();
    await client.ask({ type: 'film.create', film_id });
    return film_id;
  }

  /** What happens to a shot besides its clicks. */
  async function happen(kind: Story['kind'], id: string, moment: number): Promise<void> {
    switch (kind) {
      case 'cancelled early':
        await isSo(id, ({ video }) => video.status === 'generating');
        return cancel(id);
      case 'cancelled':
        await isSo(id, ({ job }) => job?.state === 'polling');
        await delay(moment * 500);
        return cancel(id);
      case 'shot deleted':
        await isSo(id, ({ video }) => video.status !== 'idle');
        await delay(moment * 1000);
        return void (await client.ask({ type: 'workspace.delete', workspace_id: id }));
      case 'film deleted': {
        await isSo(id, ({ video }) => video.status !== 'idle');
        await delay(moment * 1000);
        const shot = await shotOf(id);
        return void (await deleter.ask({ type: 'film.delete', film_id: String(shot!.film_id) }));
      }
      case 'forgotten': {
        await isSo(id, ({ job }) => job?.state === 'polling');
        const shot = await shotOf(id);
        const vendor = vendors.find((name) => name === shot?.video.provider)!;
        if (shot?.job?.task_id) await doubles[vendor].forget(shot.job.task_id);
      }
    }
  }

  async function cancel(id: string): Promise<void> {
    await until(
      async () => (await server.post('/api/generate/cancel', { workspace_id: id })).status !== 503,
      storyWithinMs,
      'the answer to a cancellation',
    );
  }

  async function clickUntilAnswered(id: string, { request_id }: Plan, accept_second_charge: boolean): Promise<void> {
    let name = '';
    await until(
      async () => {
        const { status, body } = await click(server, id, { request_id, accept_second_charge });
        name = status === 202 ? '202' : body.error.code;
        return name !== 'BUSY' && name !== 'DATABASE_UNAVAILABLE';
      },
      settleWithinMs,
      'the answer to a click',
    );
    answers[name] = (answers[name] ?? 0) + 1;
  }

  /** Waits until the video of a click has its end as far as its user knows, or is in the trash. */
  function endOf(id: string, { request_id }: Plan): Promise<void> {
    return isSo(id, ({ video, clicks, deleted_at }) => {
      const isThere = clicks.some((known) => known.request_id === request_id);
      return deleted_at !== null || !isThere || isFinal(video);
    });
  }

  /** Waits until a shot is so, or is gone. */
  async function isSo(id: string, is: (shot: StoredShot) => boolean): Promise<void> {
    const looks = async () => {
      const shot = await shotOf(id);
      return !shot || is(shot) || isFinal(shot.video);
    };
    await until(looks, storyWithinMs, 'what a story waits for');
  }

  function shotOf(id: string): Promise<StoredShot | null> {
    return shots.findOne({ _id: new mongoose.mongo.BSON.ObjectId(id) });
  }

  async function killAgainAndAgain(): Promise<void> {
    while (tally.kills < kills && ended < outcomes) {
      const isDue = () => ended * kills >= tally.kills * outcomes || ended === outcomes;
      while (!isDue()) await delay(lookEveryMs);
      const { child } = server;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      if (randomOfKills() < aimedShare) {
        const point = points[Math.floor(randomOfKills() * points.length)]!;
        await writeFile(file('armed'), point);
        await Promise.race([exited, delay(pointWithinMs)]);
        if (child.exitCode !== null || child.signalCode !== null) tally.killsBetweenWrites++;
      } else {
        await delay(randomOfKills() * 1000);
      }
      const emptiesTrash = randomOfKills() < trashEmptiedShare;
      await crash({ before: emptiesTrash ? ageTrash : undefined });
      tally.kills++;
    }
  }

  /** kill -9, and the same server again; `before` is what happens while it is away. */
  async function crash({ before }: { before?: () => Promise<void> } = {}): Promise<void> {
    await rm(file('armed'), { force: true });
    if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
    await before?.();
    server = await server.restart();
  }

  /** A month goes by for what is in the trash, which the next start empties. */
  async function ageTrash(): Promise<void> {
    await rememberClicks();
    const isInTrash = { deleted_at: { $ne: null } };
    const old = { $set: { deleted_at: new Date(Date.now() - monthMs) } };
    await shots.updateMany(isInTrash, old);
    await films.updateMany(isInTrash, old);
  }

  /** A quarter of an hour goes by, for which a create without an answer waits until its deleted shot is restored. */
  async function ageUnanswered(): Promise<void> {
    const sent_at = new Date(Date.now() - keyKnownMs);
    await shots.updateMany({ 'job.state': 'submitting' }, { $set: { 'job.sent_at': sent_at } });
    await shots.updateMany(
      { 'superseded.state': 'submitting' },
      { $set: { 'superseded.$[unanswered].sent_at': sent_at } },
      { arrayFilters: [{ 'unanswered.state': 'submitting' }] },
    );
  }

  async function rememberClicks(): Promise<void> {
    for (const { clicks } of await shots.find().toArray()) {
      for (const { request_id, attempt_id } of clicks) clickOf.set(attempt_id, request_id);
    }
  }

  /** Waits until everything has ended that can end, at the vendors too. */
  async function settle(which: object = {}): Promise<void> {
    const open = {
      ...which,
      $or: [{ 'job.state': isNotEnded }, { superseded: { $elemMatch: { state: isNotEnded } } }],
    };
    const hasSettled = async () =>
      (await shots.countDocuments(open)) === 0 &&
      (await readBills()).every(({ billed_micros: billed }) => billed !== null);
    await until(hasSettled, settleWithinMs, 'the end of all attempts').catch(async (error: unknown) => {
      const left = await shots.find(open).toArray();
      faults.push(`${String(error)}: ${left.map(({ video, job }) => `${video.attempt_id} ${job?.state}`).join(', ')}`);
    });
  }

  async function readBills(): Promise<Billed[]> {
    return (await Promise.all(vendors.map((vendor) => doubles[vendor].billed()))).flat();
  }

  async function judge(stories: Story[]): Promise<CostsResult> {
    const kinds = countBy(stories.map(({ kind }) => kind));
    await rememberClicks();
    const seen = await shots.find().toArray();
    await crash({ before: ageTrash });
    const billed = await readBills();
    const known: Known = { billed, clickOf, marks: new Map(stories.flatMap(marksOf)) };
    const before = await readCosts(server);
    faults.push(
      ...faultsOfCharges(before, known),
      ...(await faultsOfSums(server, before)),
      ...faultsOfVideos(before, seen, known),
    );

    for (const { attempt_id } of before.charges.filter(({ state }) => state === 'maybe')) {
      const micros = sumOf(billed.filter((task) => known.marks.get(task.mark!) === clickOf.get(attempt_id)));
      const { status, body } = await server.post('/api/costs/settle', { attempt_id, charged: micros > 0, micros });
      if (status !== 200) faults.push(`the charge of ${attempt_id} cannot be settled: ${JSON.stringify(body)}`);
    }
    await crash();
    const after = await readCosts(server);
    if (after.unclear !== 0) faults.push(`${after.unclear} are unclear after all was settled`);
    if (after.total !== sumOf(billed)) faults.push(`${after.total} are said, ${sumOf(billed)} were billed`);
    faults.push(...faultsOfCharges(after, known), ...(await faultsOfSums(server, after)));

    const dollars = (micros: number) => micros / 1_000_000;
    print(progressLine());
    return {
      campaign: 'costs',
      ok: faults.length === 0 && ended === outcomes,
      seed,
      outcomes: ended,
      kinds,
      ...tally,
      accepted: billed.length,
      charges: countBy(before.charges.map(({ state }) => state)),
      billed: dollars(sumOf(billed)),
      total: dollars(before.total),
      unclear: dollars(before.unclear),
      settled: dollars(after.total),
      filmsGone: kinds['film deleted']! - (await films.countDocuments({ deleted_at: { $ne: null } })),
      shotsGone: stories.length - (await shots.countDocuments()),
      answers,
      faults: faults.slice(0, shownFaults),
      seconds: Math.round((performance.now() - startedAt) / 1000),
    };
  }
}

const newId = (): string => new mongoose.mongo.BSON.ObjectId().toHexString();

const promptOf = ({ mark }: Plan): string => `The ${mark} at the sea, turns.`;

const marksOf = ({ first, second }: Story): [string, string][] =>
  [first, ...(second ? [second] : [])].map(({ mark, request_id }) => [mark, request_id]);

function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
