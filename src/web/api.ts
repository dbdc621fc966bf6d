import type { AiEntry, Suggestion } from '../contract/conversation';
import type { ErrorBody, ErrorCode, ErrorDetail } from '../contract/errors';
import type { FormData as ShotForm } from '../contract/form';
import type { Options } from '../contract/options';
import type { Video } from '../contract/video';
import type { Workspace } from '../contract/workspace';

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
  accept_second_charge?: boolean;
  expects: { form_data: ShotForm; image_path: string | null };
};

export const getOptions = (): Promise<Options> => request<Options>('/api/options');

/** A shot in the trash, with when it was deleted. */
export type TrashedShot = Workspace & { deleted_at: string };

export const getTrash = async (): Promise<TrashedShot[]> =>
  (await request<{ workspaces: TrashedShot[] }>('/api/trash')).workspaces;

export const generateVideo = (body: GenerateRequest, signal?: AbortSignal) =>
  post<{ workspace_id: string; video: Video }>('/api/generate/video', body, signal);

export const cancelVideo = (body: { workspace_id: string; attempt_id?: string }) =>
  post<{ workspace_id: string; video: Video }>('/api/generate/cancel', body);

export const askAssistant = (
  body: { workspace_id: string; message: string },
  signal: AbortSignal,
): Promise<{ suggestion: Suggestion; entry: AiEntry }> => post('/api/ai/suggest', body, signal);

/** Uploads one picture and tells the part that is through, 0 to 1; rejects with an ApiError. */
export function uploadImage(picture: File, onProgress: (part: number) => void): Promise<UploadedImage> {
  return new Promise((resolve, reject) => {
    const body = new FormData();
    body.append('image', picture, picture.name);
    const upload = new XMLHttpRequest();
    upload.open('POST', '/api/upload/image');
    upload.responseType = 'json';
    upload.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
    upload.onerror = () => reject(noAnswer());
    upload.onload = () => {
      if (upload.status === 201) resolve(upload.response as UploadedImage);
      else reject(toApiError(upload.response));
    };
    upload.send(body);
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

const noAnswer = () => new ApiError('NETWORK', 'The server did not answer.');
