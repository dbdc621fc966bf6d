import { useEffect, useRef, type KeyboardEvent } from 'react';
import type { AiEntry } from '../../contract/conversation';
import { messageMaxCharacters } from '../../contract/limits';
import { errorKey, useText } from '../i18n';
import { useStore } from '../state/store';
import { Button } from '../ui/button';
import { classes } from '../ui/classes';
import { isComposing } from '../ui/composing';
import { Icon } from '../ui/icon';
import { Panel } from '../ui/panel';
import { ask, setQuestionDraft } from './ask';
import styles from './assistant.module.css';
import { Exchange } from './exchange';
import { SuggestionCard } from './suggestion-card';

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
    <Panel label={text('assistant.name')} className={styles.assistant}>
      <h2>{text('assistant.name')}</h2>
      <div className={styles.conversation} role="log" aria-label={text('assistant.name')} tabIndex={0}>
        {entries.length === 0 && !question && <p className="muted">{text('assistant.intro')}</p>}
        {id &&
          entries.map((entry, index) => (
            <SuggestionCard key={entry._id} shotId={id} entry={entry} isLatest={index === entries.length - 1} />
          ))}
        {question && (
          <Exchange said={question.message}>
            <p className={question.error ? styles.wrong : classes(styles.thinking, 'muted')}>
              {question.error ? text(errorKey(question.error)) : text('assistant.thinking')}
            </p>
            {id && question.error && (
              <Button size="small" onClick={() => void ask(id, question.message)}>
                {text('common.retry')}
              </Button>
            )}
          </Exchange>
        )}
        <div ref={end} />
      </div>
      <div className={styles.ask}>
        <textarea
          aria-label={text('assistant.message')}
          placeholder={text('assistant.placeholder')}
          rows={2}
          maxLength={messageMaxCharacters}
          value={message}
          onChange={({ target }) => id && setQuestionDraft(id, target.value)}
          onKeyDown={press}
        />
        {isThinking ? (
          <Button onClick={question.stop}>
            <Icon name="stop" /> {text('assistant.stop')}
          </Button>
        ) : (
          <Button kind="primary" disabled={!message.trim() || !id} onClick={send}>
            <Icon name="send" /> {text('assistant.ask')}
          </Button>
        )}
      </div>
    </Panel>
  );
}
