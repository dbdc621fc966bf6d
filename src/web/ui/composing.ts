import type { KeyboardEvent as ReactKeyboardEvent } from 'react';

const inputMethodCode = 229;

/** Whether a key belongs to an input method; Safari says so only by the code, at the Enter that ends the composition. */
export const isComposing = ({ nativeEvent, keyCode }: ReactKeyboardEvent): boolean =>
  nativeEvent.isComposing || keyCode === inputMethodCode;
