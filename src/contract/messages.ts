import { z } from 'zod';
import { batch } from './batch';
import { aiEntry } from './conversation';
import { errorBody } from './errors';
import { filmExport } from './export';
import { film, filmChanges } from './film';
import { objectId, requestId, time } from './ids';
import { video } from './video';
import { changes, workspace } from './workspace';

/** The version of the workspace that the sender of a message saw. */
export const baseVersion = z.int().min(0);

const echo = { request_id: requestId.optional() };

/** The shape of a message from a browser: its type, an optional request_id and its own fields, and nothing else. */
export const clientMessage = <Type extends string, Fields extends z.ZodRawShape>(type: Type, fields: Fields) =>
  z.strictObject({ type: z.literal(type), request_id: requestId.optional(), ...fields });

/** The shape of every message from the server to a browser, by `type`. */
export const serverMessages = {
  'workspace.created': z.strictObject({ type: z.literal('workspace.created'), ...echo, workspace }),
  'workspace.sync_confirm': z.strictObject({
    type: z.literal('workspace.sync_confirm'),
    ...echo,
    workspace_id: objectId,
    version: z.int(),
    updated_at: time,
    replaced: changes.optional(),
    changes: changes.optional(),
    kept: z.array(z.string()).optional(),
  }),
  'workspace.updated': z.strictObject({
    type: z.literal('workspace.updated'),
    workspace_id: objectId,
    version: z.int(),
    changes,
  }),
  'workspace.deleted': z.strictObject({ type: z.literal('workspace.deleted'), ...echo, workspace_id: objectId }),
  'workspace.reorder_confirm': z.strictObject({
    type: z.literal('workspace.reorder_confirm'),
    ...echo,
    workspace_ids: z.array(objectId),
  }),
  'workspace.reordered': z.strictObject({ type: z.literal('workspace.reordered'), workspace_ids: z.array(objectId) }),
  'video.status_update': z.strictObject({
    type: z.literal('video.status_update'),
    workspace_id: objectId,
    video,
    version: z.int(),
    takes: z.array(video).optional(),
    /** The form of the chosen take, if it became that of the workspace. */
    changes: changes.optional(),
  }),
  'ai.suggestion': z.strictObject({
    type: z.literal('ai.suggestion'),
    workspace_id: objectId,
    entry: aiEntry,
    version: z.int(),
  }),
  'film.created': z.strictObject({ type: z.literal('film.created'), ...echo, film }),
  'film.sync_confirm': z.strictObject({
    type: z.literal('film.sync_confirm'),
    ...echo,
    film_id: objectId,
    version: z.int(),
    updated_at: time,
  }),
  'film.updated': z.strictObject({
    type: z.literal('film.updated'),
    film_id: objectId,
    version: z.int(),
    changes: filmChanges,
  }),
  'film.deleted': z.strictObject({ type: z.literal('film.deleted'), ...echo, film_id: objectId }),
  'batch.status_update': z.strictObject({ type: z.literal('batch.status_update'), batch }),
  'export.status_update': z.strictObject({ type: z.literal('export.status_update'), export: filmExport }),
  error: z.strictObject({
    type: z.literal('error'),
    ...echo,
    workspace_id: objectId.optional(),
    film_id: objectId.optional(),
    ...errorBody.shape,
  }),
} as const;

export type ServerMessages = { [Type in keyof typeof serverMessages]: z.infer<(typeof serverMessages)[Type]> };
export type ServerMessage = ServerMessages[keyof ServerMessages];
