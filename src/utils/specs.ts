import { z } from 'zod';
import { batch } from '../contract/batch';
import { aiEntry, suggestion } from '../contract/conversation';
import { errorBody, errorCodes } from '../contract/errors';
import { filmExport } from '../contract/export';
import { film } from '../contract/film';
import { formData } from '../contract/form';
import { objectId } from '../contract/ids';
import { serverMessages } from '../contract/messages';
import { video } from '../contract/video';
import { workspace } from '../contract/workspace';
import type { AnyEndpoint } from './endpoint';
import type { AnyMessage } from './message';
import { version } from './version';

type Json = Record<string, unknown>;

const named = z.registry<{ id: string }>();
named.add(workspace, { id: 'Workspace' });
named.add(film, { id: 'Film' });
named.add(filmExport, { id: 'Export' });
named.add(batch, { id: 'Batch' });
named.add(formData, { id: 'FormData' });
named.add(video, { id: 'Video' });
named.add(suggestion, { id: 'Suggestion' });
named.add(aiEntry, { id: 'AiEntry' });
named.add(errorBody, { id: 'Error' });

const info = { title: 'Video Maker', version, description: 'The backend of a timeline for AI video.' };

/** The OpenAPI 3.1 description, generated from the endpoint table. */
export function openApi(endpoints: AnyEndpoint[]): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    paths[endpoint.path] = { ...paths[endpoint.path], [endpoint.method]: operation(endpoint, schemas) };
  }
  const error = { type: 'object', required: ['error'], properties: { error: toSchema(errorBody, 'output', schemas) } };
  const responses = { Error: { description: 'What happened and what to do', content: json(error) } };
  return { openapi: '3.1.0', info, servers: [{ url: '/' }], paths, components: { schemas, responses } };
}

/** The AsyncAPI 3.0 description, generated from the message table. */
export function asyncApi(messages: AnyMessage[]): Json {
  const schemas: Json = {};
  const fromBrowser = messages.map(({ type, summary, input }) => [
    type,
    { name: type, summary, payload: toSchema(input, 'input', schemas) },
  ]);
  const fromServer = Object.entries(serverMessages).map(([type, shape]) => [
    type,
    { name: type, payload: toSchema(shape, 'output', schemas) },
  ]);
  const channelMessages = Object.fromEntries([...fromBrowser, ...fromServer]) as Json;
  const reference = (type: string) => ({ $ref: `#/channels/socket/messages/${type}` });
  const receives = messages.map(({ type, reply }) => [
    type,
    {
      action: 'receive',
      channel: { $ref: '#/channels/socket' },
      messages: [reference(type)],
      reply: { channel: { $ref: '#/channels/socket' }, messages: [reference(reply), reference('error')] },
    },
  ]);
  const push = {
    action: 'send',
    channel: { $ref: '#/channels/socket' },
    messages: Object.keys(serverMessages).map(reference),
  };
  return {
    asyncapi: '3.0.0',
    info,
    defaultContentType: 'application/json',
    servers: { local: { host: '127.0.0.1:3000', protocol: 'ws' } },
    channels: {
      socket: {
        address: '/ws',
        messages: channelMessages,
        bindings: { ws: { query: { type: 'object', properties: { film_id: toSchema(objectId, 'input', schemas) } } } },
      },
    },
    operations: { ...Object.fromEntries(receives), push },
    components: { schemas },
  };
}

function operation(
  { path, summary, query, body, file, reply, status = 200, otherStatus, errors }: AnyEndpoint,
  schemas: Json,
): Json {
  const upload = {
    type: 'object',
    required: [file],
    properties: { [file ?? '']: binary },
  };
  const content = file ? { 'multipart/form-data': { schema: upload } } : body && json(toSchema(body, 'input', schemas));
  const isFile = typeof reply === 'string';
  const shape = isFile ? { [reply]: { schema: binary } } : json(toSchema(reply, 'output', schemas));
  const failures = new Set(['default', ...errors.map((code) => String(errorCodes[code]))]);
  if (content) ['400', '413', '415'].forEach((code) => failures.add(code));
  return {
    operationId: path.split('/').filter(Boolean).join('-'),
    summary,
    ...(query && { parameters: parametersOf(query, schemas) }),
    ...(content && { requestBody: { required: true, content } }),
    responses: {
      ...Object.fromEntries([...failures].map((code) => [code, { $ref: '#/components/responses/Error' }])),
      [status]: { description: 'Done', content: shape },
      ...(otherStatus && { [otherStatus]: { description: 'Not healthy', content: shape } }),
    },
  };
}

/** The parameters of an address; all are optional. */
function parametersOf(query: z.ZodObject, schemas: Json): Json[] {
  return Object.entries(query.shape).map(([name, shape]) => ({
    name,
    in: 'query',
    required: false,
    schema: toSchema(shape as z.ZodType, 'input', schemas),
  }));
}

const binary = { type: 'string', format: 'binary' };
const json = (schema: unknown) => ({ 'application/json': { schema } });

/** A JSON schema with its named shapes moved to `schemas`, under `#/components/schemas`. */
function toSchema(shape: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const text = JSON.stringify(z.toJSONSchema(shape, { metadata: named, io, unrepresentable: 'any' }));
  const { $defs, $schema, ...schema } = JSON.parse(text.replaceAll('#/$defs/', '#/components/schemas/')) as Json;
  for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) {
    const { id: _id, ...rest } = definition as Json;
    schemas[id] = rest;
  }
  return schema;
}
