import { checkDownload } from '../api';

/** The address under which a file of the server is downloaded as `name`. */
export const downloadUrl = (url: string, name: string): string => `${url}?${new URLSearchParams({ download: name })}`;

/** Saves what an address gives as a file; throws the refusal of the server as an ApiError, which the browser would save instead. */
export async function download(url: string): Promise<void> {
  await checkDownload(url);
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  link.click();
}
