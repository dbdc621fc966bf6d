import type { FilmExport } from '../contract/export';
import type { ServerMessage } from '../contract/messages';
import { Export, type StoredExport } from '../db/export';
import { findExports } from '../db/export-queue';
import { BoundedMap } from '../utils/bounded-map';
import { logger } from '../utils/logger';
import { listenToPushes, push } from '../utils/push';
import { createQueues } from '../utils/queue';
import { toWireExport, toWireExports } from './wire';

/** Changes come in bursts, such as letters of a caption. */
const settleMs = 150;
const remembered = 10_000;

/** By export, whether it was out of date when it was last broadcast. */
const known = new BoundedMap<string, boolean>(remembered);
const changed = new Map<string, NodeJS.Timeout>();

const enqueue = createQueues();

/** Broadcasts an export to its film; returns it as it goes over the wire. */
export const broadcastExport = (stored: StoredExport): Promise<FilmExport> =>
  enqueue([String(stored._id)], async () => {
    // Read again, since an earlier broadcast may have waited longer for the film than a later one.
    const wire = await toWireExport((await Export.findOne({ _id: stored._id }).lean<StoredExport>()) ?? stored);
    known.set(wire._id, wire.is_stale);
    push(wire.film_id, { type: 'export.status_update', export: wire });
    return wire;
  });

/** Broadcasts an export that another server has changed. */
export async function broadcastExportOf(exportId: string): Promise<void> {
  const stored = await Export.findOne({ _id: exportId }).lean<StoredExport>();
  if (stored) await broadcastExport(stored);
}

/** The messages that stand for changes after which an export may be out of date, or not any more. */
const changing = /^(workspace\.(created|updated|deleted|reordered)|video\.status_update|film\.(created|updated))$/;

/** From now on, a change of a film is followed by a broadcast of each export that it makes out of date, or not any more. */
export const watchStaleness = (): void => listenToPushes(onPush);

function onPush(filmId: string | null, message: ServerMessage): void {
  if (!changing.test(message.type)) return;
  const changedFilm = 'film_id' in message ? message.film_id : 'film' in message ? message.film._id : filmId;
  if (!changedFilm || changed.has(changedFilm)) return;
  const look = () => {
    changed.delete(changedFilm);
    void pushChanged(changedFilm).catch((error: unknown) => logger.warn('exports not compared', { error }));
  };
  changed.set(changedFilm, setTimeout(look, settleMs).unref());
}

async function pushChanged(filmId: string): Promise<void> {
  if (!(await Export.exists({ film_id: filmId }))) return;
  const stored = await findExports(filmId);
  const wires = await toWireExports(stored);
  for (const [index, one] of stored.entries())
    if (known.get(String(one._id)) !== wires[index]!.is_stale) await broadcastExport(one);
}
