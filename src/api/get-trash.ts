import { trusted } from 'mongoose';
import { z } from 'zod';
import { workspace } from '../contract/workspace';
import { toWire, Workspace, type StoredWorkspace } from '../db/workspace';
import { defineEndpoint } from '../utils/endpoint';

const inTrash = { deleted_at: trusted({ $ne: null }) };

/** The workspaces in the trash, which can still be restored. */
export const getTrash = defineEndpoint({
  method: 'get',
  path: '/api/trash',
  summary: 'Lists the workspaces in the trash, which can be restored, most recently deleted first.',
  reply: z.strictObject({ workspaces: z.array(workspace.extend({ deleted_at: z.iso.datetime() })) }),
  errors: ['DATABASE_UNAVAILABLE'],
  async handle() {
    const stored = await Workspace.find(inTrash).sort({ deleted_at: -1, _id: 1 }).lean<StoredWorkspace[]>();
    return { workspaces: stored.map((one) => ({ ...toWire(one), deleted_at: one.deleted_at!.toISOString() })) };
  },
});
