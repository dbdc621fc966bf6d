const filmAddress = /^\/films\/([0-9a-f]{24})\/?$/;

const { pathname } = window.location;

/** Whether this page is the page of films; every other one is the timeline of a film. */
export const isFilmsPage = /^\/films\/?$/.test(pathname);

/** The film that the address names; undefined for the default one. */
export const filmIdOfAddress = filmAddress.exec(pathname)?.[1];

export const filmsPath = '/films';
export const filmPath = (id: string): string => `${filmsPath}/${id}`;
