import { toFileName, toNumberedName } from '../../src/utils/file-name';

test.each([
  ['A fox, running.', '07_A_fox_running.mp4'],
  ['It\'s a <dog>: "Rex"? C:\\x/..', '07_Its_a_dog_Rex_C_x.mp4'],
  ['一只狐狸，在雪地里奔跑。', '07_一只狐狸_在雪地里奔跑.mp4'],
  ['🦊🦊', '07_shot.mp4'],
  ['', '07_shot.mp4'],
  ['100 % sûr', '07_100_sûr.mp4'],
])('the shot "%s" is called %s', (text, name) => {
  expect(toNumberedName(7, 12, text, 'mp4')).toBe(name);
});

test('a number has as many digits as the last one', () => {
  expect(toNumberedName(7, 120, 'x', 'mp4')).toBe('007_x.mp4');
});

test.each(['word '.repeat(100), '字'.repeat(100), 'é'.repeat(100), '👩‍👩‍👧'.repeat(40)])(
  'a name of %s is cut to 80 bytes between two characters',
  (text) => {
    for (const name of [toNumberedName(1, 1, text, 'mp4'), toFileName(text, '.zip', 'Film')]) {
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(80);
      expect(name).toMatch(/[^_ ]\.(mp4|zip)$/);
      expect(name.isWellFormed()).toBe(true);
    }
  },
);

test.each([
  ['Night boat', 'Night boat.zip'],
  ['a/b\\c:d*e?f"g<h>i|j', 'a b c d e f g h i j.zip'],
  ['con', '_con.zip'],
  ['NUL.txt', '_NUL.txt.zip'],
  ['..hidden. ', 'hidden.zip'],
  ['line\r\nbreak\u0000\u202e', 'line break.zip'],
  ['', 'Film.zip'],
])('the film %j is called %s', (title, name) => {
  expect(toFileName(title, '.zip', 'Film')).toBe(name);
});
