import type { ExportOptions, FilmExport } from '../../contract/export';
import { cancelExport, deleteExport, exportFilm, getExports } from '../api';
import { announce, say } from './notices';
import { onConnected } from './on-connected';
import { getState, setState } from './store';

/** Whether a film is still on its way. */
export const isOnItsWay = ({ status }: FilmExport): boolean => status === 'queued' || status === 'running';

/** Keeps the finished films of this page's film: read at every connection, for what was told while there was none. */
export const watchExports = (): void => onConnected(() => void loadExports());

/** Reads the list of finished films; one that cannot be read stays as it is. */
export async function loadExports(): Promise<void> {
  const { filmId } = getState();
  if (!filmId) return;
  await getExports(filmId).then(
    (exports) => setState({ exports }),
    () => undefined,
  );
}

/** Takes in what the server tells of an export; says to everybody when the film is there. */
export function exportTold(told: FilmExport): void {
  const { exports, filmId } = getState();
  if (told.film_id !== filmId) return;
  const before = exports.find(({ _id: id }) => id === told._id);
  setState({ exports: before ? exports.map((one) => (one === before ? told : one)) : [told, ...exports] });
  if (!before || !isOnItsWay(before)) return;
  if (told.status === 'completed') announce(say('export.landed'));
  if (told.status === 'failed') announce(say('export.failed'));
}

/** Asks for the finished film; throws an ApiError. */
export async function startExport(captions: ExportOptions['captions']): Promise<void> {
  const { filmId } = getState();
  if (filmId) exportTold(await exportFilm({ film_id: filmId, options: { captions } }));
}

/** Ends an export that is on its way; throws an ApiError. */
export const stopExport = async (id: string): Promise<void> => exportTold(await cancelExport(id));

/** Removes a finished film with its file; throws an ApiError. */
export async function removeExport(id: string): Promise<void> {
  await deleteExport(id);
  setState(({ exports }) => ({ exports: exports.filter(({ _id }) => _id !== id) }));
}
