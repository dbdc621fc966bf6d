import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { config } from '../src/config';
import type { ServerMessage, ServerMessages } from '../src/contract/messages';
import type { Workspace } from '../src/contract/workspace';

// `npm run demo`: makes one clip from a picture and prints what goes over the wire. Uses a running server, or starts one.
// `npm run demo -- --film "Harbour"` makes it in a new film of that title; else it goes into the default film.

const root = path.resolve(__dirname, '..');
const runningUrl = process.env.SERVER_URL ?? `http://127.0.0.1:${config.SERVER_PORT}`;
const question = 'slow push in, golden hour, 4 seconds';
const barWidth = 30;
const { values: options } = parseArgs({ options: { film: { type: 'string' } } });

async function main(): Promise<void> {
  const isRunning = await fetch(`${runningUrl}/health`).then(
    (response) => response.ok,
    () => false,
  );
  const server = isRunning ? null : await startServer();
  const url = server?.url ?? runningUrl;
  console.log(isRunning ? `using the server at ${url}` : `started a server at ${url}`);
  try {
    await makeClip(url);
  } finally {
    server?.child.kill('SIGTERM');
  }
}

async function makeClip(url: string): Promise<void> {
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(await readFile(path.join(root, 'docs/sample.jpg')))]), 'sample.jpg');
  const image = await request<{ image_path: string }>(url, '/api/upload/image', { method: 'POST', body: form });
  console.log(`picture uploaded   ${image.image_path}`);

  const socket = await openFilm(url);
  const created = await ask(socket, 'workspace.created', {
    type: 'workspace.create',
    data: { image_path: image.image_path },
  });
  const id = created.workspace._id;
  console.log(`workspace created  ${id}`);

  const { suggestion } = await post<{ suggestion: Workspace['ai_collaboration'][number]['suggestion'] }>(
    url,
    '/api/ai/suggest',
    {
      workspace_id: id,
      message: question,
    },
  );
  console.log(`assistant          ${JSON.stringify(suggestion.form_data)}`);
  const updates = { form_data: { ...suggestion.form_data, prompt: 'the lamp of the lighthouse turns, waves roll in' } };
  await ask(socket, 'workspace.sync_confirm', { type: 'workspace.update', workspace_id: id, updates });

  const startedAt = Date.now();
  const done = watch(socket, id);
  await post(url, '/api/generate/video', { workspace_id: id });
  const video = await done;
  socket.close();
  if (video.status !== 'completed') throw new Error(video.error?.message ?? 'the video failed');
  console.log(`\ndone in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  console.log(
    `file  ${path.relative(process.cwd(), path.join(process.env.UPLOAD_DIR ?? path.join(root, 'uploads'), video.url!.slice('/uploads/'.length)))}`,
  );
  console.log(`play  ${url}${video.url}  (while the server runs: npm start)`);
}

/** A socket of the film that the clip goes into. */
async function openFilm(url: string): Promise<WebSocket> {
  const address = `${url.replace('http', 'ws')}/ws`;
  const socket = await open(address);
  if (options.film === undefined) return socket;
  const { film } = await ask(socket, 'film.created', { type: 'film.create', title: options.film });
  console.log(`film created       ${film._id}`);
  socket.close();
  return open(`${address}?film_id=${film._id}`);
}

async function open(address: string): Promise<WebSocket> {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return socket;
}

/** Shows a bar until the video has come to its end. */
function watch(socket: WebSocket, workspaceId: string): Promise<Workspace['video']> {
  return new Promise((resolve) => {
    socket.on('message', (data) => {
      const message = JSON.parse((data as Buffer).toString()) as ServerMessage;
      if (message.type !== 'video.status_update' || message.workspace_id !== workspaceId) return;
      const { status, phase, progress } = message.video;
      const filled = Math.round((status === 'completed' ? 1 : (progress ?? 0)) * barWidth);
      process.stdout.write(`\r[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}] ${(phase ?? status).padEnd(12)}`);
      if (status !== 'generating') resolve(message.video);
    });
  });
}

function ask<Type extends keyof ServerMessages>(
  socket: WebSocket,
  wanted: Type,
  message: object,
): Promise<ServerMessages[Type]> {
  const requestId = `demo-${Math.random().toString(36).slice(2)}`;
  return new Promise((resolve, reject) => {
    const look = (data: WebSocket.RawData) => {
      const answer = JSON.parse((data as Buffer).toString()) as ServerMessage;
      if (!('request_id' in answer) || answer.request_id !== requestId) return;
      socket.off('message', look);
      if (answer.type === wanted) resolve(answer as ServerMessages[Type]);
      else reject(new Error(JSON.stringify(answer)));
    };
    socket.on('message', look);
    socket.send(JSON.stringify({ ...message, request_id: requestId }));
  });
}

const post = <Body>(url: string, address: string, body: object): Promise<Body> =>
  request<Body>(url, address, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

async function request<Body>(url: string, address: string, init: RequestInit): Promise<Body> {
  const response = await fetch(url + address, init);
  const body = (await response.json()) as Body & { error?: { message: string } };
  if (!response.ok) throw new Error(`${address}: ${response.status} ${body.error?.message}`);
  return body;
}

function startServer(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [path.join(root, 'scripts/start.js')], {
    env: { ...process.env, SERVER_PORT: '0', WS_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += String(chunk);
      const url = /server listening http=(\S+)/.exec(output);
      if (url) resolve({ url: url[1]!, child });
    });
    child.once('exit', (code) => reject(new Error(`the server ended with code ${code}\n${output}`)));
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
