import { getState, setState, type AppState } from '../state/store';

const storageKey = 'question-drafts';

/** Keeps what is typed for the assistant and not asked yet, in this tab, for when the film is opened here again. */
export function keepQuestionDrafts(): void {
  try {
    const kept = JSON.parse(sessionStorage.getItem(storageKey) ?? '{}') as AppState['questionDrafts'];
    setState({ questionDrafts: kept });
  } catch {
    // A browser that keeps nothing has them until the page is left.
  }
  window.addEventListener('pagehide', () => {
    try {
      sessionStorage.setItem(storageKey, JSON.stringify(getState().questionDrafts));
    } catch {
      // As above.
    }
  });
}
