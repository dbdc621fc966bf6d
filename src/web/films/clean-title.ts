/** The longest title, in UTF-16 units. */
export const titleMaxUnits = 120;

/** A title as the server stores it: half of a surrogate pair would not come back as it was typed. */
export const cleanTitle = (typed: string): string => typed.toWellFormed().replaceAll('\0', '');
