import { memo, useRef, useState, type KeyboardEvent } from 'react';
import { wordMaxCharacters } from '../../contract/limits';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { useStore } from '../state/store';
import { isComposing } from '../ui/composing';
import { Field, fieldId } from './field';
import { Icon } from '../ui/icon';
import { ChooserList } from './chooser-list';
import { neighbourOf, stepOf } from './chooser-moves';
import styles from './chooser.module.css';
import { MovePreview } from './move-preview';
import { useWord, type Vocabulary, type Word } from './use-word';

type Props = {
  shotId: string;
  name: 'camera_movement' | 'shot_size' | 'lighting';
  vocabulary: Vocabulary;
  value: string;
  /** The shot's picture, on which each movement is shown. */
  picture?: string | null;
};

const noWords: Word[] = [];

/** A word of the vocabulary, searched in both languages, or words of one's own. */
export const Chooser = memo(function Chooser({ shotId, name, vocabulary, value, picture }: Props) {
  const text = useText();
  const words = useStore(({ options }) => options?.[vocabulary]) ?? noWords;
  const shown = useWord(vocabulary, value);
  const input = useRef<HTMLInputElement>(null);
  const [query, setQuery] = useState<string | null>(null);
  const [active, setActive] = useState(-1);

  const isOpen = query !== null;
  const isSearching = isOpen && query !== shown;
  const found = isSearching ? words.filter((word) => matches(word, query)) : words;
  const listId = `${fieldId(name)}-list`;

  const close = () => {
    setQuery(null);
    setActive(-1);
  };
  const open = () => {
    setQuery(shown);
    setActive(words.findIndex(({ id }) => id === value));
  };
  const choose = (next: string) => {
    if (next !== value) editForm(shotId, { [name]: next });
    close();
  };
  const own = (query ?? '').trim().slice(0, wordMaxCharacters);
  const isUnknown = isSearching && own !== '' && found.length === 0;
  const finish = () => {
    if (query === null) return;
    choose(own === shown ? value : (words.find((word) => isNameOf(word, own))?.id ?? own));
  };

  const activeOptionId = isUnknown ? `${listId}-own` : found[active] && `${listId}-${found[active].id}`;

  const press = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const step = stepOf(event.key, document.getElementById(listId));
    const isSideways = event.key === 'ArrowLeft' || event.key === 'ArrowRight';
    // Among typed words, they move the caret.
    if (isSideways && (!isOpen || !step || (isSearching && active < 0))) return;
    if (step && !isOpen) open();
    else if (step) setActive(neighbourOf(active, step, found.length));
    else if (event.key === 'Enter' && isOpen) {
      const word = found[active];
      if (word) choose(word.id);
      else finish();
    } else if (event.key === 'Escape' && isOpen) close();
    else return;
    event.preventDefault();
  };

  return (
    <Field name={name}>
      <div className={styles.chooser}>
        {picture !== undefined && <MovePreview className={styles.preview} movement={value} picture={picture} />}
        <input
          id={fieldId(name)}
          ref={input}
          role="combobox"
          aria-expanded={isOpen}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={isOpen ? activeOptionId : undefined}
          autoComplete="off"
          maxLength={wordMaxCharacters}
          placeholder={text('form.anyWord')}
          value={query ?? shown}
          onClick={() => !isOpen && open()}
          onChange={({ target }) => {
            setQuery(target.value);
            setActive(-1);
          }}
          onKeyDown={press}
          onBlur={finish}
        />
        <Icon name="chevron" />
        {isOpen && (
          <ChooserList
            id={listId}
            anchor={input}
            words={found}
            active={active}
            value={value}
            ownWords={isUnknown ? own : ''}
            picture={picture}
            onChoose={choose}
          />
        )}
      </div>
    </Field>
  );
});

const matches = ({ id, en, zh }: Word, query: string): boolean => {
  const wanted = query.trim().toLowerCase();
  return [id.replaceAll('_', ' '), en.toLowerCase(), zh].some((name) => name.includes(wanted));
};

const isNameOf = ({ id, en, zh }: Word, typed: string): boolean =>
  // A word may have several names: "Push in / dolly in".
  typed !== '' &&
  [id, en, zh, ...en.split(' / '), ...zh.split(' / ')].some((name) => name.toLowerCase() === typed.toLowerCase());
