import './styles/base.css';
import './styles/fields.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { keepQuestionDrafts } from './assistant/kept-drafts';
import { watchDeletions } from './app/deleted-elsewhere';
import { watchDialogs } from './app/dialog-history';
import { watchLeaving } from './app/leaving';
import { Page } from './app/page';
import { loadPreferences } from './app/preferences';
import { watchBatches } from './state/batches';
import { watchExports } from './state/exports';
import { watchWaitingPictures } from './pictures/waiting-pictures';
import { isTimeline } from './state/address';
import { carryProvidersOver } from './state/carried-providers';
import { startConnection } from './state/connection';
import { watchTitle } from './state/films';
import { keepHistory } from './state/history';

loadPreferences();
startConnection();
watchExports();
watchBatches();
watchTitle();
watchDialogs();
if (isTimeline) {
  keepHistory();
  carryProvidersOver();
  keepQuestionDrafts();
  watchLeaving();
  watchDeletions();
  watchWaitingPictures();
}
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
