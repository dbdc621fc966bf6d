import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './components/app';
import { startConnection } from './state/connection';
import { watchLeaving } from './state/leaving';
import { loadPreferences } from './state/preferences';
import { loadProviders } from './state/providers';
import './styles/base.css';
import './styles/controls.css';
import './styles/layout.css';
import './styles/timeline.css';
import './styles/stage.css';
import './styles/form.css';
import './styles/moves.css';
import './styles/dialogs.css';
import './styles/touch.css';

loadPreferences();
loadProviders();
startConnection();
watchLeaving();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
