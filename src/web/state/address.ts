const filmAddress = /^\/films\/([0-9a-f]{24})(?:\/costs)?\/?$/;

const { pathname } = window.location;

/** Whether this page is the page of films. */
export const isFilmsPage = /^\/films\/?$/.test(pathname);

/** Whether this page is the page of costs. */
export const isCostsPage = /^(\/films\/[0-9a-f]{24})?\/costs\/?$/.test(pathname);

/** Every other page is the timeline of a film. */
export const isTimeline = !isFilmsPage && !isCostsPage;

/** The film that the address names; undefined for the default one. */
export const filmIdOfAddress = filmAddress.exec(pathname)?.[1];

export const filmsPath = '/films';
export const filmPath = (id: string): string => `${filmsPath}/${id}`;

/** The costs, with those of a film. */
export const costsPath = (filmId: string | null): string => `${filmId ? filmPath(filmId) : ''}/costs`;
