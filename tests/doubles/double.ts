// What all provider doubles share: a server as a process of its own, which outlives a killed application and judges it.
// `tsx tests/doubles/runway.ts --port 0 --log accepted.jsonl` prints `listening <port>`. Control, under /__double__/:
// POST script [Rule] (replaces the rules), POST settings {...}, GET accepted, GET requests, GET tasks, GET billed, GET pictures (what
// each accepted task was to begin and to end with), POST release {die?} (what a rule holds), POST forget {task_id} (the vendor no
// longer has it), POST reset.
//
// Every accepted task has the price of the vendor's list, and is billed once, when it ends: `completed` at that price, other ends
// at nothing. `charges` changes that, `bills` whether answers tell it; a rule for creates may set both, the end and its time,
// for the tasks that it makes: {match: 'POST /v1/image_to_video', times: 1, task: {ends: 'failed', charges: 'all'}}. GET billed is
// the truth.

import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';

/** What happens to the requests that begin with `match`; without status, body and redirect the double works as always. */
export type Rule = {
  /** Method and beginning of the path, such as "POST /v1/image_to_video". */
  match: string;
  /** Only the requests with this in their body; what a create makes is then billed under it, as its `mark`. */
  body_has?: string;
  /** How many requests the rule is for; without it, all. */
  times?: number;
  /** How long the answer is held back; the work is done before. */
  delay_ms?: number;
  /** The answer is held back until `release`; the work is done before. */
  hold?: boolean;
  status?: number;
  headers?: Record<string, string>;
  /** A string goes out as it is, anything else as JSON. */
  body?: unknown;
  /** Does the work although the answer is another one. */
  work?: boolean;
  /** Sends the answer in pieces. */
  drip?: { bytes: number; every_ms: number };
  /** Ends the connection in the middle of the answer. */
  cut?: boolean;
  /** Does the work, then ends the connection without a byte of an answer. */
  accept_then_die?: boolean;
  /** Answers 307 to this address. */
  redirect?: string;
  /** What holds for the task of such a create, whatever the settings say. */
  task?: Partial<Fate>;
};

/** How a task ends and what is billed for it. */
export type Fate = Pick<DoubleSettings, 'ends' | 'charges' | 'bills' | 'running_ms'>;

/** One create that was taken, and would be billed. */
export type Accepted = {
  at: string;
  task_id: string;
  idempotency_key: string | null;
  external_id: string | null;
  body_sha256: string;
};

/** A task that the vendor has. */
export type KnownTask = { task_id: string; phase: ReturnType<Double['phaseOf']> };

/** What the vendor bills for an accepted task; forgotten, erased and cancelled ones are billed too. */
export type Billed = {
  task_id: string;
  /** Our attempt, where the dialect has a place for it. */
  attempt_id: string | null;
  /** Of the rule for its create. */
  mark: string | null;
  price_micros: number;
  /** In millionths of a dollar; null before the task has ended. */
  billed_micros: number | null;
};

/** The files that a create brought or had uploaded, before or after their way as base64; null: there is none, or only a link. */
export type Frames<File> = { first: File | null; last: File | null };
export type ReceivedPictures<File> = Pick<Billed, 'task_id' | 'attempt_id' | 'mark'> & Frames<File>;

export type DoubleRequest = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  bytes: Buffer;
  json: unknown;
  /** The address of the double itself, for links. */
  base: string;
  /** Of the rule that matches it. */
  fate?: Partial<Fate>;
  mark?: string;
};

export type DoubleReply = { status: number; headers?: Record<string, string>; body?: unknown };

export type DoubleSettings = {
  /** The one key that is taken; null takes any. */
  api_key: string | null;
  queued_ms: number;
  running_ms: number;
  /** How tasks end; `never` keeps them running. A task that has ended stays so. */
  ends: 'completed' | 'failed' | 'cancelled' | 'never';
  /** Which tasks are billed: completed ones, the same at half the price, none (all is refunded), or failed and cancelled ones too. */
  charges: 'completed' | 'half' | 'none' | 'all';
  /** Whether answers tell costs and bills, leave them out, or have something there that makes no sense. */
  bills: 'told' | 'missing' | 'damaged';
  /** What a failed task says, in the words of the dialect. */
  failure: { code: string; message: string };
  /** How long a link to a result works; null is for ever. */
  link_lifetime_ms: number | null;
  /** Of LLM dialects: whether the rules of the vendor's own hosts hold, or those of compatible servers. */
  official: boolean;
};

export type Task = {
  id: string;
  created_ms: number;
  request: DoubleRequest;
  attempt_id: string | null;
  external_id: string | null;
  price_micros: number;
  frames: Frames<Buffer>;
  fate: Partial<Fate>;
  /** How it ended and what was billed for it; null before. */
  end: { phase: 'completed' | 'failed' | 'cancelled'; billed_micros: number } | null;
};

/** What was accepted. */
type Order = { price_micros: number; frames: Frames<Buffer>; idempotency_key?: string; external_id?: string };

export type Double = {
  settings: DoubleSettings;
  tasks: Map<string, Task>;
  /** Makes a task, and notes that it was accepted. */
  accept: (request: DoubleRequest, order: Order) => Task;
  phaseOf: (task: Task) => 'queued' | 'running' | DoubleSettings['ends'];
  /** Ends a task that runs, and takes it away. */
  cancel: (task: Task) => void;
  /** What an answer says about money, in the words of the dialect; `damaged` is for answers that make no sense. */
  tell: <Told, Damaged>(task: Task, told: Told, damaged: Damaged) => Told | Damaged | undefined;
  /** A link to the result of a task, as fresh as the request for it. */
  linkTo: (task: Task, request: DoubleRequest) => string;
};

export type Dialect = {
  idPrefix?: string;
  handle: (request: DoubleRequest, double: Double) => DoubleReply | Promise<DoubleReply>;
  reset?: () => void;
};

const defaults: DoubleSettings = {
  api_key: null,
  queued_ms: 50,
  running_ms: 100,
  ends: 'completed',
  charges: 'completed',
  bills: 'told',
  failure: { code: '', message: 'the double was told to fail' },
  link_lifetime_ms: null,
  official: false,
};

const clip = readFileSync(path.join(__dirname, '../fixtures/clip.mp4'));
const shownLength = 200;

/** Runs a double until it is killed, or its standard input ends if it was started with --until-stdin-ends. */
export function runDouble(dialect: Dialect): void {
  const { values: options } = parseArgs({
    options: { port: { type: 'string' }, log: { type: 'string' }, 'until-stdin-ends': { type: 'boolean' } },
  });
  const tasks = new Map<string, Task>();
  let orders: Task[] = [];
  let settings = { ...defaults };
  let rules: Rule[] = [];
  let accepted: Accepted[] = [];
  let requests: unknown[] = [];
  let held: ((die: boolean) => void)[] = [];

  const double: Double = {
    get settings() {
      return settings;
    },
    tasks,
    accept(request, { price_micros, frames, idempotency_key, external_id }) {
      const id = `${dialect.idPrefix ?? ''}${sha256(`${process.pid} ${accepted.length} ${Date.now()}`).slice(0, 24)}`;
      const task: Task = {
        id,
        created_ms: Date.now(),
        request,
        attempt_id: idempotency_key ?? external_id ?? null,
        external_id: external_id ?? null,
        price_micros,
        frames,
        fate: { charges: settings.charges, bills: settings.bills, ...request.fate },
        end: null,
      };
      tasks.set(id, task);
      orders.push(task);
      const at = new Date().toISOString();
      const entry = {
        at,
        task_id: id,
        idempotency_key: idempotency_key ?? null,
        external_id: task.external_id,
        body_sha256: sha256(request.bytes),
      };
      accepted.push(entry);
      if (options.log) appendFileSync(options.log, `${JSON.stringify(entry)}\n`);
      return task;
    },
    phaseOf(task) {
      if (task.end) return task.end.phase;
      const age = Date.now() - task.created_ms;
      const ends = task.fate.ends ?? settings.ends;
      if (age < settings.queued_ms) return 'queued';
      const runningMs = task.fate.running_ms ?? settings.running_ms;
      if (age < settings.queued_ms + runningMs || ends === 'never') return 'running';
      return end(task, ends).phase;
    },
    cancel(task) {
      double.phaseOf(task);
      end(task, 'cancelled');
      tasks.delete(task.id);
    },
    tell({ fate }, told, damaged) {
      if (fate.bills === 'missing') return undefined;
      return fate.bills === 'damaged' ? damaged : told;
    },
    linkTo: ({ id }, { base }) => `${base}/files/${Date.now()}/${id}.mp4`,
  };

  const namesOf = ({ id, attempt_id, request }: Task) => ({ task_id: id, attempt_id, mark: request.mark ?? null });

  const billed = (task: Task): Billed => {
    double.phaseOf(task);
    const { price_micros, end: ended } = task;
    return { ...namesOf(task), price_micros, billed_micros: ended && ended.billed_micros };
  };

  const pictures = (task: Task): ReceivedPictures<string> => {
    const { first, last } = task.frames;
    return { ...namesOf(task), first: first && first.toString('base64'), last: last && last.toString('base64') };
  };

  function release(die: boolean): void {
    for (const letGo of held) letGo(die);
    held = [];
  }

  const control: Record<string, (body: unknown) => unknown> = {
    'POST script': (body) => void (rules = (body as Rule[]).map((rule) => ({ ...rule }))),
    'POST settings': (body) => void Object.assign(settings, body),
    'GET accepted': () => accepted,
    'GET requests': () => requests,
    'GET tasks': (): KnownTask[] =>
      [...tasks.values()].map((task) => ({ task_id: task.id, phase: double.phaseOf(task) })),
    'GET billed': () => orders.map(billed),
    'GET pictures': () => orders.map(pictures),
    'POST release': (body) => release((body as { die?: boolean } | undefined)?.die === true),
    'POST forget': (body) => tasks.delete((body as { task_id: string }).task_id),
    'POST reset': () => {
      settings = { ...defaults };
      [rules, accepted, requests, orders] = [[], [], [], []];
      release(true);
      tasks.clear();
      dialect.reset?.();
    },
  };

  async function answer(incoming: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const request = await readRequest(incoming);
    const controlPath = /^\/__double__\/(.*)$/.exec(request.path);
    if (controlPath) {
      const run = control[`${request.method} ${controlPath[1]}`];
      return send(response, run ? { status: 200, body: run(request.json) ?? {} } : { status: 404, body: {} });
    }
    const { method, path: requestPath, headers, json } = request;
    const about = [...tasks.values()].find(({ id }) => requestPath.includes(id));
    const task_phase = about ? double.phaseOf(about) : null;
    requests.push({
      at: new Date().toISOString(),
      method,
      path: requestPath,
      headers,
      body: shorten(json),
      task_phase,
    });
    const file = /^\/files\/(\d+)\//.exec(requestPath);
    const rule = takeRule(rules, `${method} ${requestPath}`, request.bytes);
    const isReplaced = rule && (rule.status !== undefined || rule.body !== undefined || rule.redirect !== undefined);
    const works = !isReplaced || rule.work === true;
    const usual =
      works &&
      (file
        ? sendFile(Number(file[1]), settings)
        : await dialect.handle({ ...request, fate: rule?.task, mark: rule?.body_has }, double));
    if (rule?.delay_ms) await wait(rule.delay_ms);
    const isToDie = rule?.hold && (await new Promise<boolean>((letGo) => held.push(letGo)));
    if (rule?.accept_then_die || isToDie) return void response.destroy();
    if (rule?.redirect) return send(response, { status: 307, headers: { Location: rule.redirect }, body: '' });
    const { status = 200, headers: ruleHeaders, body } = rule ?? {};
    const reply = isReplaced || !usual ? { status, body } : usual;
    return send(response, { ...reply, headers: { ...('headers' in reply && reply.headers), ...ruleHeaders } }, rule);
  }

  const server = http.createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(String(error));
    });
  });
  server.listen(Number(options.port ?? 0), '127.0.0.1', () => {
    const address = server.address();
    process.stdout.write(`listening ${typeof address === 'object' ? address?.port : address}\n`);
  });
  if (options['until-stdin-ends']) process.stdin.resume().on('end', () => process.exit());
}

function end(task: Task, phase: NonNullable<Task['end']>['phase']) {
  const { charges } = task.fate;
  const isBilled = charges === 'all' || (charges !== 'none' && phase === 'completed');
  const price = charges === 'half' ? Math.round(task.price_micros / 2) : task.price_micros;
  task.end ??= { phase, billed_micros: isBilled ? price : 0 };
  return task.end;
}

/** The SHA-256 of some bytes, in hex. */
export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

async function readRequest(incoming: http.IncomingMessage): Promise<DoubleRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const { method = '', headers } = incoming;
  const base = `http://${headers.host}`;
  const { pathname, searchParams } = new URL(incoming.url ?? '/', base);
  return { method, path: pathname, query: searchParams, headers, bytes, json: toJson(bytes), base };
}

function toJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}

function takeRule(rules: Rule[], line: string, body: Buffer): Rule | undefined {
  const has = (text: string | undefined) => text === undefined || body.includes(text);
  const index = rules.findIndex(({ match, times, body_has }) => line.startsWith(match) && times !== 0 && has(body_has));
  const rule = rules[index];
  if (rule?.times) rule.times -= 1;
  return rule;
}

function sendFile(issuedMs: number, { link_lifetime_ms: lifetimeMs }: DoubleSettings): DoubleReply {
  if (lifetimeMs !== null && Date.now() - issuedMs > lifetimeMs) {
    return {
      status: 403,
      headers: { 'Content-Type': 'application/xml' },
      body: '<Error><Code>AccessDenied</Code></Error>',
    };
  }
  return { status: 200, headers: { 'Content-Type': 'video/mp4' }, body: clip };
}

async function send(response: http.ServerResponse, { status, headers, body }: DoubleReply, rule: Partial<Rule> = {}) {
  const bytes = Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? ''));
  const type = typeof body === 'string' ? 'text/html' : 'application/json';
  const isBare = status === 204 || status === 304;
  response.writeHead(status, { 'Content-Type': type, ...(!isBare && { 'Content-Length': bytes.length }), ...headers });
  if (isBare) return void response.end();
  if (rule.cut) {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
    return;
  }
  const { drip } = rule;
  for (let at = 0; drip && at < bytes.length && !response.destroyed; at += drip.bytes) {
    response.write(bytes.subarray(at, at + drip.bytes));
    await wait(drip.every_ms);
  }
  response.end(drip ? undefined : bytes);
}

const shorten = (json: unknown): unknown =>
  json === undefined
    ? null
    : JSON.parse(
        JSON.stringify(json, (_key, value: unknown) =>
          typeof value === 'string' && value.length > shownLength ? `${value.slice(0, shownLength)}…` : value,
        ),
      );
