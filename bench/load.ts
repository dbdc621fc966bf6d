import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { once } from 'node:events';
import WebSocket from 'ws';
import { quantile } from './statistics';

export type Latencies = { perSecond: number; p50Ms: number; p99Ms: number };

export type Load = {
  warmUpMs: number;
  measureMs: number;
  /** Between an answer and the next update; default none. */
  pauseMs?: number;
};

// The places in a frame where a confirmation, a message to the others and an error differ: nearly all frames of a load
// are messages to the others, and reading them as JSON would measure this process.
const errorAt = '{"type":"'.length;
const confirmAt = '{"type":"workspace.'.length;
const sendAgain = /"code":"(DATABASE_UNAVAILABLE|BUSY)"/;
const [letterE, letterR, letterS] = Buffer.from('ers');

/**
 * One socket for each workspace sends updates, each after the answer to the one before. Measured from when the time to
 * warm up is over and every socket has had an answer; throws at an error after which a browser would not send again.
 */
export async function loadUpdates(wsUrl: string, workspaceIds: string[], load: Load): Promise<Latencies> {
  const sockets = await Promise.all(workspaceIds.map(() => open(wsUrl)));
  const warmAtMs = performance.now() + load.warmUpMs;
  const cold = new Set(workspaceIds);
  const latenciesMs: number[] = [];
  let untilMs = Infinity;
  const driven = workspaceIds.map((workspaceId, index) =>
    drive(sockets[index]!, workspaceId, load.pauseMs ?? 0, (sentMs, nowMs) => {
      cold.delete(workspaceId);
      if (untilMs < Infinity) {
        if (nowMs < untilMs) latenciesMs.push(nowMs - sentMs);
      } else if (cold.size === 0 && nowMs >= warmAtMs) untilMs = nowMs + load.measureMs;
      return nowMs < untilMs;
    }),
  );
  await Promise.all(driven);
  await Promise.all(sockets.map(close));
  return {
    perSecond: latenciesMs.length / (load.measureMs / 1000),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}

function drive(
  socket: WebSocket,
  workspaceId: string,
  pauseMs: number,
  onConfirm: (sentMs: number, nowMs: number) => boolean,
): Promise<void> {
  const series = Math.random().toString(36).slice(2);
  let count = 0;
  let sentMs = 0;
  let text = '';
  const send = () => {
    const form_data = { prompt: `${count++} lamps turn above the harbour, slow rain on the glass, the camera climbs.` };
    const message = { type: 'workspace.update', request_id: `${series}-${count}`, workspace_id: workspaceId };
    text = JSON.stringify({ ...message, updates: { form_data } });
    sentMs = performance.now();
    socket.send(text);
  };
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => {
      if (data[errorAt] === letterE && data[errorAt + 1] === letterR) {
        // As a browser does; the update then counts with the time of both.
        if (sendAgain.test(data.toString())) return socket.send(text);
        return reject(new Error(`an update was refused: ${data.toString()}`));
      }
      if (data[confirmAt] !== letterS) return;
      if (!onConfirm(sentMs, performance.now())) return resolve();
      if (pauseMs === 0) send();
      else void pause(pauseMs).then(send);
    });
    socket.once('close', (code) => reject(new Error(`a socket under load was closed with ${code}`)));
    send();
  });
}

/** Opens a socket as a browser on this machine does. */
export async function open(wsUrl: string): Promise<WebSocket> {
  const socket = new WebSocket(wsUrl, { perMessageDeflate: false });
  await once(socket, 'open');
  return socket;
}

/** Closes a socket and waits until the other side has agreed. */
export async function close(socket: WebSocket): Promise<void> {
  const closed = once(socket, 'close');
  socket.close();
  await closed;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** One GET, timed from the request to the last byte of the answer. */
export function timedGet(url: string, headers: Record<string, string> = {}) {
  return new Promise<{ ms: number; status: number; etag: string; body: Buffer }>((resolve, reject) => {
    const startedMs = performance.now();
    const request = http.get(url, { agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const ms = performance.now() - startedMs;
        resolve({ ms, status: response.statusCode!, etag: response.headers.etag ?? '', body: Buffer.concat(chunks) });
      });
    });
    request.on('error', reject);
  });
}
