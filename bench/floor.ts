// The floor of the stack: what `ws`, `http` and the database driver need for the same work, without any check.
// An update is stored with the same write concern, acknowledged, and told to all other sockets; GET / is the list.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { mongo } from 'mongoose';
import { WebSocketServer, type WebSocket } from 'ws';

type Update = { request_id: string; workspace_id: string; updates: { form_data: Record<string, unknown> } };

const client = new mongo.MongoClient(process.env.MONGODB_URI!, {
  writeConcern: { w: 'majority', journal: true },
  maxPoolSize: 20,
});
const workspaces = client.db().collection('workspaces');
const privateFields = { deleted_at: 0, created_by: 0, applied: 0, changed: 0, job: 0, superseded: 0, clicks: 0 };
const sockets = new Set<WebSocket>();

void listen();

async function listen(): Promise<void> {
  await client.connect();
  await workspaces.createIndex({ deleted_at: 1, order_index: 1 });
  const server = http.createServer((_request, response) => void list(response));
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data) => void update(socket, JSON.parse((data as Buffer).toString()) as Update));
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    console.log(`server listening http=http://127.0.0.1:${port} websocket=ws://127.0.0.1:${port}`);
  });
}

async function update(socket: WebSocket, { request_id, workspace_id, updates }: Update): Promise<void> {
  const changes = Object.fromEntries(
    Object.entries(updates.form_data).map(([key, value]) => [`form_data.${key}`, value]),
  );
  const stored = await workspaces.findOneAndUpdate(
    { _id: new mongo.ObjectId(workspace_id) },
    { $set: { ...changes, updated_at: new Date() }, $inc: { version: 1 } },
    { returnDocument: 'after', projection: { version: 1, updated_at: 1 } },
  );
  const { version, updated_at } = stored!;
  socket.send(JSON.stringify({ type: 'workspace.sync_confirm', request_id, workspace_id, version, updated_at }));
  const text = JSON.stringify({ type: 'workspace.updated', workspace_id, version, changes });
  for (const other of sockets) if (other !== socket) other.send(text);
}

async function list(response: http.ServerResponse): Promise<void> {
  const found = await workspaces
    .find({ deleted_at: null }, { projection: privateFields })
    .sort({ order_index: 1, _id: 1 })
    .toArray();
  const body = Buffer.from(JSON.stringify({ workspaces: found }));
  response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': body.length });
  response.end(body);
}
