import type { Batch, BatchPreview, batchChoices } from '../contract/batch';
import type { AiEntry, Suggestion } from '../contract/conversation';
import type { Film } from '../contract/film';
import type { ExportOptions, FilmExport } from '../contract/export';
import type { ErrorBody, ErrorCode, ErrorDetail } from '../contract/errors';
import type { FormData as ShotForm } from '../contract/form';
import type { Charge, Costs } from '../contract/money';
import type { Options } from '../contract/options';
import type { Video } from '../contract/video';
import type { Workspace } from '../contract/workspace';

/** What a click agrees to, after a question. */
export type Accepted = Partial<Record<'accept_second_charge' | 'accept_over_limit' | 'accept_unknown_price', true>>;

/** A refusal of the server, or NETWORK where there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode | 'NETWORK',
    message: string,
    /** What a refusal says about each field. */
    readonly details?: ErrorDetail[],
  ) {
    super(message);
  }
}

export type UploadedImage = { image_path: string; image_url: string; width: number; height: number };
export type GenerateRequest = {
  workspace_id: string;
  provider?: string;
  request_id: string;
  expects: { form_data: ShotForm; image_path: string | null; end_image_path: string | null };
} & Accepted;

export const getOptions = (): Promise<Options> => request<Options>('/api/options');

/** A shot in the trash, with when it was deleted. */
export type TrashedShot = Workspace & { deleted_at: string };

export type TrashedFilm = Film & { deleted_at: string };

export const getTrash = (): Promise<{ films: TrashedFilm[]; workspaces: TrashedShot[] }> => request('/api/trash');

export const generateVideo = (body: GenerateRequest, signal?: AbortSignal) =>
  post<{ workspace_id: string; video: Video }>('/api/generate/video', body, signal);

/** What was spent, with one film's part if it is named; charges before `before`. */
export const getCosts = (filmId: string | null, before?: string): Promise<Costs> =>
  request(`/api/costs?${new URLSearchParams({ ...(filmId && { film_id: filmId }), ...(before && { before }) })}`);

export const settleCharge = async (body: { attempt_id: string; charged: boolean; micros?: number }): Promise<Charge> =>
  (await post<{ charge: Charge }>('/api/costs/settle', body)).charge;

export const cancelVideo = (body: { workspace_id: string; attempt_id?: string }) =>
  post<{ workspace_id: string; video: Video }>('/api/generate/cancel', body);

export type AcceptedOfBatch = Omit<Accepted, 'accept_second_charge'>;
type BatchRequest = { film_id: string; only?: (typeof batchChoices)[number]; workspace_ids?: readonly string[] };

/** What a batch would do; it starts nothing. */
export const previewBatch = (body: BatchRequest & AcceptedOfBatch): Promise<BatchPreview> =>
  post('/api/generate/batch', { ...body, dry_run: true });

export const generateBatch = async (
  body: BatchRequest & AcceptedOfBatch & { request_id: string; skip_blocked?: true },
): Promise<Batch> => (await post<{ batch: Batch }>('/api/generate/batch', body)).batch;

export const getBatches = async (filmId: string): Promise<Batch[]> =>
  (await request<{ batches: Batch[] }>(`/api/batches?${new URLSearchParams({ film_id: filmId })}`)).batches;

export const cancelBatch = async (id: string): Promise<Batch> =>
  (await post<{ batch: Batch }>('/api/generate/cancel', { batch_id: id })).batch;

type ExportReply = Promise<FilmExport>;
const exportOf = ({ export: one }: { export: FilmExport }): FilmExport => one;

export const getExports = async (filmId: string): Promise<FilmExport[]> =>
  (await request<{ exports: FilmExport[] }>(`/api/exports?${new URLSearchParams({ film_id: filmId })}`)).exports;

export const exportFilm = async (body: { film_id: string; options: Partial<ExportOptions> }): ExportReply =>
  exportOf(await post('/api/export/film', body));

export const cancelExport = async (id: string): ExportReply =>
  exportOf(await post('/api/export/cancel', { export_id: id }));

export const deleteExport = async (id: string): ExportReply =>
  exportOf(await post('/api/export/delete', { export_id: id }));

export type PackageFormat = 'editor' | 'jianying' | 'capcut';

/** The address of a package for editors. */
export const packageUrl = (query: { film_id: string; format: PackageFormat } & Record<string, string>): string =>
  `/api/export/package?${new URLSearchParams(query)}`;

/** Asks for the head of a download only; throws an ApiError where there is none. */
export async function checkDownload(url: string): Promise<void> {
  const leave = new AbortController();
  const response = await fetch(url, { signal: leave.signal }).catch(() => {
    throw noAnswer();
  });
  if (!response.ok) throw toApiError(await response.json().catch(() => null));
  leave.abort();
}

export const askAssistant = (
  body: { workspace_id: string; message: string },
  signal: AbortSignal,
): Promise<{ suggestion: Suggestion; entry: AiEntry }> => post('/api/ai/suggest', body, signal);

/** Uploads one picture and tells the part that is through, 0 to 1; rejects with an ApiError. */
export const uploadImage = (picture: File, onProgress: (part: number) => void): Promise<UploadedImage> =>
  upload('image', picture, onProgress);

/** Uploads one sound file as `uploadImage` does a picture; one that is aborted never resolves. */
export const uploadAudio = (
  sound: File,
  onProgress: (part: number) => void,
  signal: AbortSignal,
): Promise<{ audio_path: string }> => upload('audio', sound, onProgress, signal);

function upload<Reply>(
  kind: 'image' | 'audio',
  file: File,
  onProgress: (part: number) => void,
  signal?: AbortSignal,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    body.append(kind, file, file.name);
    const sending = new XMLHttpRequest();
    signal?.addEventListener('abort', () => sending.abort());
    sending.open('POST', `/api/upload/${kind}`);
    sending.responseType = 'json';
    sending.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    sending.onerror = () => reject(noAnswer());
    sending.onload = () => {
      if (sending.status === 201) resolve(sending.response as Reply);
      else reject(toApiError(sending.response));
    };
    sending.send(body);
  });
}

const post = <Reply>(path: string, body: object, signal?: AbortSignal): Promise<Reply> =>
  request<Reply>(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });

async function request<Reply>(path: string, init?: RequestInit): Promise<Reply> {
  const response = await fetch(path, init).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw noAnswer();
  });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw toApiError(body);
  return body as Reply;
}

function toApiError(body: unknown): ApiError {
  const error = (body as { error?: ErrorBody } | null)?.error;
  return error ? new ApiError(error.code, error.message, error.details) : noAnswer();
}

export const noAnswer = () => new ApiError('NETWORK', 'The server did not answer.');
