import { useLayoutEffect, useRef } from 'react';
import { useText } from '../i18n';
import { isComposing } from '../ui/composing';
import { cleanTitle, titleMaxUnits } from './clean-title';

type Props = {
  title: string;
  /** Told the new title, or null where the old one is to stay. */
  onEnd: (title: string | null) => void;
};

/** The title in its place, to be written anew: Enter and leaving it keep what is typed, Escape the old one. */
export function TitleInput({ title, onEnd }: Props) {
  const text = useText();
  const input = useRef<HTMLInputElement>(null);
  const isOver = useRef(false);
  useLayoutEffect(() => input.current?.select(), []);
  const end = (wanted: string | null) => {
    if (isOver.current) return;
    isOver.current = true;
    onEnd(wanted === null ? null : cleanTitle(wanted).trim());
  };

  return (
    <input
      ref={input}
      autoFocus
      aria-label={text('films.title')}
      defaultValue={title}
      maxLength={titleMaxUnits}
      placeholder={text('films.untitled')}
      onBlur={({ target }) => end(target.value)}
      onKeyDown={(event) => {
        if (isComposing(event)) return;
        if (event.key !== 'Enter' && event.key !== 'Escape') return;
        // Else it would press the button that gets the focus.
        event.preventDefault();
        end(event.key === 'Enter' ? event.currentTarget.value : null);
      }}
    />
  );
}
