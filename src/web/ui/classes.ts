/** The class names that apply, as an element takes them. */
export const classes = (...names: (string | false | undefined)[]): string => names.filter(Boolean).join(' ');
