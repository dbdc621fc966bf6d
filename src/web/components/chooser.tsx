import { memo, useRef, useState, type KeyboardEvent } from 'react';
import { useText } from '../i18n';
import { editForm } from '../state/shots';
import { useStore } from '../state/store';
import { ChooserList } from './chooser-list';
import { isComposing } from './composing';
import { Field, fieldId } from './field';
import { Icon } from './icon';
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

const maxLength = 100;
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
  const finish = () => {
    if (query === null) return;
    const own = query.trim().slice(0, maxLength);
    choose(own === shown ? value : (words.find((word) => isNameOf(word, own))?.id ?? own));
  };

  const press = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !isOpen) open();
    else if (step) setActive((active + step + found.length) % Math.max(found.length, 1));
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
      <div className="chooser">
        {picture !== undefined && <MovePreview movement={value} picture={picture} />}
        <input
          id={fieldId(name)}
          ref={input}
          role="combobox"
          aria-expanded={isOpen}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={isOpen && found[active] ? `${listId}-${found[active].id}` : undefined}
          autoComplete="off"
          maxLength={maxLength}
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
