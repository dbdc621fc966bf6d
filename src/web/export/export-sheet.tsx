import { useEffect, useState } from 'react';
import type { ExportOptions } from '../../contract/export';
import { ChoiceField } from '../films/choice-field';
import { useText } from '../i18n';
import { loadExports, startExport } from '../state/exports';
import { useFilmPlan, type FilmPlan } from '../state/film-plan';
import { ownFilm } from '../state/films';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { Modal } from '../ui/modal';
import styles from './export-sheet.module.css';
import { FinishedFilms } from './finished-films';
import { ForEditors } from './for-editors';
import { OutcomeSummary } from './outcome-summary';
import { RequestFault } from './request-fault';
import { useRequest } from './use-request';

const captionModes = ['none', 'burned', 'track'] as const;

/** The ways out of the house: the finished film as one file, and packages for editors. */
export function ExportSheet() {
  const text = useText();
  const filmId = useStore((state) => ownFilm(state)?._id);
  const film = useFilmPlan();
  const isEmpty = film.plan.shots.length === 0;
  useEffect(() => void loadExports(), []);

  return (
    <Modal title={text('export.name')} className={styles.sheet}>
      {filmId && (
        <>
          <FilmFile film={film} isEmpty={isEmpty} />
          <FinishedFilms />
          <ForEditors filmId={filmId} isEmpty={isEmpty} />
        </>
      )}
    </Modal>
  );
}

function FilmFile({ film, isEmpty }: { film: FilmPlan; isEmpty: boolean }) {
  const text = useText();
  const [chosen, setCaptions] = useState<ExportOptions['captions'] | null>(null);
  const hasCaptions = film.plan.shots.some(({ shot }) => shot.cut.caption.trim() !== '');
  // The film as its player shows it, until somebody chooses otherwise.
  const captions = chosen ?? (hasCaptions ? 'burned' : 'none');
  const { run, isBusy, fault } = useRequest();

  return (
    <section className={styles.part} aria-label={text('export.film')}>
      <OutcomeSummary {...film} />
      <div className={styles.row}>
        <ChoiceField
          id="export-captions"
          label={text('export.captions')}
          choices={captionModes.map((value) => ({ value, name: text(`export.captions.${value}`) }))}
          value={captions}
          onChoose={setCaptions}
        />
        <Button
          kind="primary"
          data-first
          disabled={isEmpty || isBusy}
          onClick={() => void run(async () => startExport(captions))}
        >
          {text('export.start')}
        </Button>
      </div>
      <RequestFault fault={fault} />
    </section>
  );
}
