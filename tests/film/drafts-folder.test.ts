import { draftPlace, isAbsoluteFolder } from '../../src/film/drafts-folder';

test.each([
  ['/Users/me/Movies/', '/Users/me/Movies/Boat', '/'],
  ['/', '/Boat', '/'],
  ['C:\\Users\\me', 'C:\\Users\\me\\Boat', '\\'],
  ['d:/CapCut Drafts/', 'd:\\CapCut Drafts\\Boat', '\\'],
  ['\\\\server\\share', '\\\\server\\share\\Boat', '\\'],
])('a draft in %s lies in %s', (folder, place, separator) => {
  expect(isAbsoluteFolder(folder)).toBe(true);
  expect(draftPlace(folder, 'capcut', 'Boat')).toEqual({ app: 'capcut', name: 'Boat', folder: place, separator });
});

test.each(['', 'Movies', '~/Movies', './x', 'C:', 'C:Movies', '%LOCALAPPDATA%\\x', '\\Movies', 'file:///Users/me'])(
  '"%s" is not absolute',
  (folder) => {
    expect(isAbsoluteFolder(folder)).toBe(false);
  },
);
