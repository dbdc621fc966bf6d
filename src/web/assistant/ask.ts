import { ApiError, askAssistant } from '../api';
import { sync } from '../state/connection';
import { setState, type Question } from '../state/store';

/** Asks about a shot; the answer arrives in its conversation, and until then the question stands below it. */
export async function ask(id: string, message: string): Promise<void> {
  const abort = new AbortController();
  sync.flush();
  setQuestion(id, { message, stop: () => abort.abort() });
  try {
    // Under a request_id the server would go on when it is stopped.
    await askAssistant({ workspace_id: id, message }, abort.signal);
    setQuestion(id);
  } catch (error) {
    if (abort.signal.aborted) return setQuestion(id);
    const code = error instanceof ApiError ? error.code : 'NETWORK';
    setQuestion(id, { message, stop: () => setQuestion(id), error: code });
  }
}

function setQuestion(id: string, question?: Question): void {
  setState(({ questions: { [id]: _, ...others } }) => ({
    questions: question ? { ...others, [id]: question } : others,
  }));
}

/** Keeps what is typed about a shot, until it is asked. */
export function setQuestionDraft(id: string, words: string): void {
  setState(({ questionDrafts: { [id]: _, ...others } }) => ({
    questionDrafts: words === '' ? others : { ...others, [id]: words },
  }));
}
