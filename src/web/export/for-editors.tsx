import { useId, useState } from 'react';
import { packageUrl, type PackageFormat } from '../api';
import { useText } from '../i18n';
import { Button } from '../ui/button';
import { CheckBox } from '../ui/check-box';
import { download } from '../ui/download';
import { folderFor, keepDraftFolder, lastDraftFolder, userPlaceholder, type DraftApp } from './draft-folders';
import styles from './export-sheet.module.css';
import { RequestFault } from './request-fault';
import { useRequest } from './use-request';

/** The cut with its clips, to go on in an editor. */
export function ForEditors({ filmId, isEmpty }: { filmId: string; isEmpty: boolean }) {
  const text = useText();
  const heading = useId();
  const [hasAllTakes, setHasAllTakes] = useState(false);
  const { run, isBusy, fault } = useRequest();
  const get = (format: PackageFormat, more: Record<string, string>) =>
    void run(async () => download(packageUrl({ film_id: filmId, format, ...more })));

  return (
    <section className={styles.part} aria-labelledby={heading}>
      <h3 id={heading}>{text('export.forEditors')}</h3>
      <p className="muted">{text('export.editorsHint')}</p>
      <div className={styles.row}>
        <Button disabled={isBusy || isEmpty} onClick={() => get('editor', { takes: hasAllTakes ? 'all' : 'chosen' })}>
          {text('export.editor')}
        </Button>
        <CheckBox label={text('export.allTakes')} isChecked={hasAllTakes} onChange={setHasAllTakes} />
      </div>
      <Drafts isDisabled={isBusy || isEmpty} onGet={(app, folder) => get(app, { drafts_folder: folder })} />
      <RequestFault fault={fault} />
    </section>
  );
}

type DraftsProps = { isDisabled: boolean; onGet: (app: DraftApp, folder: string) => void };

/** Drafts name their folder on the computer that opens them, so that it must be told. */
function Drafts({ isDisabled, onGet }: DraftsProps) {
  const text = useText();
  const [folder, setFolder] = useState(lastDraftFolder);
  const [isNameMissing, setIsNameMissing] = useState(false);
  const get = (app: DraftApp) => {
    const chosen = folderFor(app, folder.trim());
    const isMissing = chosen.includes(userPlaceholder);
    setFolder(chosen);
    setIsNameMissing(isMissing);
    if (isMissing) return;
    keepDraftFolder(chosen);
    onGet(app, chosen);
  };

  return (
    <div className={styles.drafts}>
      <div className={styles.row}>
        <Button disabled={isDisabled} onClick={() => get('jianying')}>
          {text('export.jianying')}
        </Button>
        <Button disabled={isDisabled} onClick={() => get('capcut')}>
          {text('export.capcut')}
        </Button>
      </div>
      <label htmlFor="draft-folder">{text('export.draftFolder')}</label>
      <input
        id="draft-folder"
        value={folder}
        spellCheck={false}
        aria-invalid={isNameMissing}
        aria-describedby="draft-folder-hint"
        onChange={({ target }) => {
          setFolder(target.value);
          setIsNameMissing(false);
        }}
      />
      <p
        id="draft-folder-hint"
        className={isNameMissing ? styles.wrong : 'muted'}
        role={isNameMissing ? 'alert' : undefined}
      >
        {text(isNameMissing ? 'export.nameMissing' : 'export.draftHint', { name: userPlaceholder })}
      </p>
    </div>
  );
}
