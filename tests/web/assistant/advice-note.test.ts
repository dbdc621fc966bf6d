import { unseenSentences } from '../../../src/prompts/suggestion';
import { splitNote } from '../../../src/web/assistant/advice-note';
import { en } from '../../../src/web/i18n/en';
import { zh } from '../../../src/web/i18n/zh';

describe('the note that the picture was not seen', () => {
  test.each([
    ['assistant.pictureRefused', unseenSentences.refused],
    ['assistant.pictureUnreadable', unseenSentences.unreadable],
  ] as const)(
    'the note that the picture was not seen is found in both languages, and shown in that of the page: %s',
    (note, sentences) => {
      expect({ en: en[note], zh: zh[note] }).toEqual(sentences);
      for (const sentence of Object.values(sentences)) {
        expect(splitNote(`Push in.\n\n${sentence}`)).toEqual({ advice: 'Push in.', note });
      }
    },
  );

  test('the note that the picture was not seen is absent from other advice', () => {
    expect(splitNote('Push in.\n\nSlowly.')).toEqual({ advice: 'Push in.\n\nSlowly.', note: null });
  });
});
