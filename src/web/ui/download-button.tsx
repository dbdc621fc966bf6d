import { ApiError } from '../api';
import { errorKey, useText } from '../i18n';
import { say, showToast } from '../state/notices';
import { download, downloadUrl } from './download';
import { IconButton } from './icon-button';

/** Saves a file of the server under a readable name. */
export function DownloadButton({ url, name, className }: { url: string; name: string; className?: string }) {
  const text = useText();
  const save = () =>
    void download(downloadUrl(url, name)).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      showToast(say(errorKey(error.code)));
    });
  return <IconButton className={className} icon="download" label={text('export.download')} onClick={save} />;
}
