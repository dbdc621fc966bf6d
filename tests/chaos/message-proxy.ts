import { EventEmitter, once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { mongo } from 'mongoose';

type Document = mongo.BSON.Document;

export type Fate = {
  matches: (command: Document) => boolean;
  /** How many commands meet it; Infinity until it is lifted. */
  times?: number;
  /**
   * lose: done, the reply is dropped and the connection cut · refuse: not done, an error is the reply ·
   * delay, hold: done, the reply comes `ms` later or when the rule is lifted.
   */
  act: 'lose' | 'refuse' | 'delay' | 'hold';
  /** Of a refusal; 8000 is how Atlas says that a quota is used up. */
  code?: number;
  labels?: string[];
  ms?: number;
};

export type Rule = {
  /** How many commands have met it by now: lost, refused, or done with a reply that is kept. */
  count: () => number;
  /** Resolves when at least so many have met it. */
  met: (times?: number) => Promise<void>;
  /** Ends the rule, and lets go the replies that it keeps; or cuts their connections. */
  lift: (options?: { cut?: boolean }) => void;
};

export type MessageProxy = {
  /** The address of the database behind the proxy. */
  uri: string;
  /** What happens to the next commands that match; of several rules the first that is not used up counts. */
  rule: (fate: Fate) => Rule;
  /** Lifts every rule. */
  clear: () => void;
  close: () => void;
};

type Active = Fate & { left: number; count: number; kept: ((cut: boolean) => void)[]; events: EventEmitter };

const headerLength = 16;
const opMsg = 2013;

/** A way to a mongod on which chosen commands are lost, refused or kept waiting, each known by what it says. */
export async function startMessageProxy(target: string): Promise<MessageProxy> {
  const { hostname, port, pathname } = new URL(target);
  const rules = new Set<Active>();

  const proxy = createServer((inside) => {
    const outside = connect(Number(port), hostname);
    const fates = new Map<number, Active>();
    joinEnds(inside, outside);
    forEachMessage(inside, (message) => {
      const rule = takeRule(message);
      if (rule?.act === 'refuse') {
        inside.write(toRefusal(message, rule));
        return meet(rule);
      }
      if (rule) fates.set(message.readInt32LE(4), rule);
      outside.write(message);
    });
    forEachMessage(outside, (message) => {
      const rule = fates.get(message.readInt32LE(8));
      fates.delete(message.readInt32LE(8));
      if (!rule) return void inside.write(message);
      const letGo = (cut: boolean) => void (cut ? inside.destroy() : inside.writable && inside.write(message));
      if (rule.act === 'lose') letGo(true);
      else if (rule.act === 'delay') setTimeout(letGo, rule.ms, false);
      else rule.kept.push(letGo);
      meet(rule);
    });
  });

  function takeRule(message: Buffer): Active | undefined {
    if (rules.size === 0 || message.readInt32LE(12) !== opMsg) return undefined;
    const command = toCommand(message);
    for (const rule of rules) {
      if (rule.left <= 0 || !rule.matches(command)) continue;
      rule.left--;
      return rule;
    }
    return undefined;
  }

  function lift(rule: Active, cut = false): void {
    rules.delete(rule);
    rule.left = 0;
    for (const letGo of rule.kept.splice(0)) letGo(cut);
  }

  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    uri: `mongodb://127.0.0.1:${(proxy.address() as AddressInfo).port}${pathname}?directConnection=true`,
    rule: (fate) => {
      const rule: Active = { ...fate, left: fate.times ?? 1, count: 0, kept: [], events: new EventEmitter() };
      rules.add(rule);
      return {
        count: () => rule.count,
        met: async (times = 1) => {
          while (rule.count < times) await once(rule.events, 'met');
        },
        lift: ({ cut } = {}) => lift(rule, cut),
      };
    },
    clear: () => [...rules].forEach((rule) => lift(rule)),
    close: () => {
      [...rules].forEach((rule) => lift(rule));
      proxy.close();
    },
  };
}

function meet(rule: Active): void {
  rule.count++;
  rule.events.emit('met');
}

function joinEnds(...sockets: Socket[]): void {
  for (const socket of sockets) {
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.forEach((one) => one.destroy()));
  }
}

function forEachMessage(socket: Socket, take: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= headerLength && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0);
      take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}

/** The command of an OP_MSG; the documents of a sequence stand in it under their name. */
function toCommand(message: Buffer): Document {
  const command: Document = {};
  const hasChecksum = (message.readUInt32LE(headerLength) & 1) === 1;
  const end = message.length - (hasChecksum ? 4 : 0);
  for (let at = headerLength + 4; at < end;) {
    const kind = message[at++];
    const length = message.readInt32LE(at);
    const section = message.subarray(at, at + length);
    at += length;
    if (kind === 0) Object.assign(command, mongo.BSON.deserialize(section));
    else Object.assign(command, toSequence(section));
  }
  return command;
}

function toSequence(section: Buffer): Document {
  const nameEnd = section.indexOf(0, 4);
  const documents: Document[] = [];
  for (let at = nameEnd + 1; at < section.length; at += section.readInt32LE(at)) {
    documents.push(mongo.BSON.deserialize(section.subarray(at, at + section.readInt32LE(at))));
  }
  return { [section.toString('utf8', 4, nameEnd)]: documents };
}

function toRefusal(request: Buffer, { code = 8000, labels }: Fate): Buffer {
  const reply = { ok: 0, code, errmsg: `the proxy was told to answer ${code}`, ...(labels && { errorLabels: labels }) };
  const body = mongo.BSON.serialize(reply);
  const head = Buffer.alloc(headerLength + 5);
  head.writeInt32LE(head.length + body.length, 0);
  head.writeInt32LE(request.readInt32LE(4), 8);
  head.writeInt32LE(opMsg, 12);
  return Buffer.concat([head, body]);
}

// ---- which step of a generation a command stores

/** The words of the states of a job: those of today and those of before. */
const stateWords = {
  queued: ['queued', 'waiting'],
  submitting: ['submitting', 'sent'],
  polling: ['polling', 'following'],
  downloading: ['downloading', 'fetching'],
  timed_out: ['timed_out', 'overdue'],
  download_failed: ['download_failed', 'undelivered'],
  in_doubt: ['in_doubt', 'unclear'],
} as const;
export type JobState = keyof typeof stateWords;

/** Whether a command writes to workspaces; whatever it changes, only this one if an id is given. */
export function writesTo({ findAndModify, update, query, updates }: Document, workspaceId?: string): boolean {
  if (findAndModify !== 'workspaces' && update !== 'workspaces') return false;
  const filters = [query, ...((updates as Document[] | undefined) ?? []).map(({ q }) => q)] as (Document | undefined)[];
  return workspaceId === undefined || filters.some((filter) => String(filter?._id) === workspaceId);
}

/** Whether a command sets `key`, to one of these values if any are named, wherever it stands: a list, a whole object, a pipeline. */
export function sets(command: Document, key: string, values?: readonly unknown[]): boolean {
  return changesOf(command).some((change) => holds(change, key, values));
}

/** Whether a command puts a job into this state, be it the running one or a superseded one. */
export const setsState = (command: Document, state: JobState): boolean => sets(command, 'state', stateWords[state]);

const changesOf = ({ findAndModify, update, updates }: Document): unknown[] => {
  if (findAndModify) return [update];
  return ((updates as Document[] | undefined) ?? []).map(({ u }) => u as unknown);
};

function holds(value: unknown, key: string, values?: readonly unknown[]): boolean {
  if (Array.isArray(value)) return value.some((item) => holds(item, key, values));
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([name, inner]) =>
      (name.split('.').pop() === key && (!values || isOneOf(inner, values))) ||
      (!isFilter(name) && holds(inner, key, values)),
  );
}

/** A value, also where a pipeline must say that it is one. */
const isOneOf = (value: unknown, values: readonly unknown[]): boolean =>
  values.includes(value) || values.includes((value as { $literal?: unknown } | null)?.$literal);

const isFilter = (name: string): boolean => ['$pull', '$unset', '$cond', '$eq', '$in'].includes(name);
