import { useEffect, useRef, type KeyboardEvent } from 'react';
import type { AiEntry } from '../../contract/conversation';
import { errorKey, useText } from '../i18n';
import { ask, setQuestionDraft } from '../state/assistant';
import { useStore } from '../state/store';
import { isComposing } from './composing';
import { Icon } from './icon';
import { SuggestionCard } from './suggestion-card';

const maxLength = 2000;
const noEntries: AiEntry[] = [];

/** The conversation about the chosen shot. */
export function Assistant() {
  const text = useText();
  const id = useStore(({ selectedId }) => selectedId);
  const entries = useStore(({ byId, selectedId }) => byId[selectedId ?? '']?.ai_collaboration) ?? noEntries;
  const question = useStore(({ questions, selectedId }) => questions[selectedId ?? '']);
  const message = useStore(({ questionDrafts, selectedId }) => questionDrafts[selectedId ?? '']) ?? '';
  const end = useRef<HTMLDivElement>(null);
  const isThinking = question !== undefined && !question.error;

  useEffect(() => {
    const log = end.current?.parentElement;
    if (log) log.scrollTop = log.scrollHeight;
  }, [id, entries.length, question]);

  const send = () => {
    const words = message.trim().toWellFormed();
    if (!id || !words || isThinking) return;
    setQuestionDraft(id, '');
    void ask(id, words);
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    send();
  };

  return (
    <section className="panel assistant" aria-label={text('assistant.name')}>
      <h2>{text('assistant.name')}</h2>
      <div className="conversation" role="log" aria-label={text('assistant.name')} tabIndex={0}>
        {entries.length === 0 && !question && <p className="muted">{text('assistant.intro')}</p>}
        {id &&
          entries.map((entry, index) => (
            <SuggestionCard key={entry._id} shotId={id} entry={entry} isLatest={index === entries.length - 1} />
          ))}
        {question && (
          <div className="exchange">
            <p className="said">{question.message}</p>
            <p className={question.error ? 'answer is-wrong' : 'answer muted is-thinking'}>
              {question.error ? text(errorKey(question.error)) : text('assistant.thinking')}
            </p>
            {id && question.error && (
              <button type="button" className="button small" onClick={() => void ask(id, question.message)}>
                {text('common.retry')}
              </button>
            )}
          </div>
        )}
        <div ref={end} />
      </div>
      <div className="ask">
        <textarea
          aria-label={text('assistant.message')}
          placeholder={text('assistant.placeholder')}
          rows={2}
          maxLength={maxLength}
          value={message}
          onChange={({ target }) => id && setQuestionDraft(id, target.value)}
          onKeyDown={press}
        />
        {isThinking ? (
          <button type="button" className="button" onClick={question.stop}>
            <Icon name="stop" /> {text('assistant.stop')}
          </button>
        ) : (
          <button type="button" className="button primary" disabled={!message.trim() || !id} onClick={send}>
            <Icon name="send" /> {text('assistant.ask')}
          </button>
        )}
      </div>
    </section>
  );
}
