import { rememberedRecord } from '../state/remembered';

export type DraftApp = 'jianying' | 'capcut';

/** Where the apps keep their drafts by default; a page cannot know the name of the user. */
export const userPlaceholder = '<name>';
const folderNames = { jianying: 'JianyingPro', capcut: 'CapCut' };
const inSystem = {
  windows: (app: string) =>
    `C:\\Users\\${userPlaceholder}\\AppData\\Local\\${app}\\User Data\\Projects\\com.lveditor.draft`,
  mac: (app: string) => `/Users/${userPlaceholder}/Movies/${app}/User Data/Projects/com.lveditor.draft`,
};

const remembered = rememberedRecord('draft-folder', 1);

/** The folder that this browser used last, else the default one of 剪映 on this system. */
export const lastDraftFolder = (): string => remembered.read().folder ?? defaultFolder();

export const keepDraftFolder = (folder: string): void => remembered.set({ folder });

/** The same folder for one of the apps: their default folders differ by the name of the app only. */
export function folderFor(app: DraftApp, folder: string): string {
  const name = folderNames[app];
  return folder.replace(/([\\/])(JianyingPro|CapCut)([\\/]User Data)/, (_, before, __, after) => before + name + after);
}

function defaultFolder(): string {
  const isMac = /Mac/.test(navigator.userAgent);
  return inSystem[isMac ? 'mac' : 'windows'](folderNames.jianying);
}
