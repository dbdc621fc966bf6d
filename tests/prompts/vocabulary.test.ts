import {
  cameraMovements,
  findWords,
  isWord,
  lightings,
  phraseOf,
  shotSizes,
  type WordKind,
} from '../../src/prompts/vocabulary';

const ids = (words: { id: string }[]) => words.map(({ id }) => id).join(' ');

describe('the vocabulary', () => {
  test('the vocabulary offers the camera movements, shot sizes and lightings of the contract', () => {
    expect(ids(cameraMovements)).toBe(
      'static push_in pull_out zoom_in zoom_out pan_left pan_right tilt_up tilt_down truck_left truck_right pedestal_up ' +
        'pedestal_down crane_up crane_down orbit_left orbit_right orbit_360 tracking handheld roll dolly_zoom whip_pan ' +
        'rack_focus aerial pov',
    );
    expect(ids(shotSizes)).toBe(
      'extreme_wide long wide medium_wide medium medium_close_up close_up extreme_close_up macro',
    );
    expect(ids(lightings)).toBe(
      'daylight sunny overcast moonlight artificial practical firelight fluorescent neon studio soft hard high_key ' +
        'low_key volumetric front side backlight rim top under silhouette rembrandt golden_hour blue_hour sunrise sunset ' +
        'night warm cool mixed',
    );
  });

  test('the vocabulary names every choice in English and Chinese and has a phrase for it', () => {
    const kinds: [WordKind, typeof cameraMovements][] = [
      ['camera_movement', cameraMovements],
      ['shot_size', shotSizes],
      ['lighting', lightings],
    ];
    for (const [kind, words] of kinds) {
      for (const word of words) {
        expect(Object.keys(word)).toEqual(['id', 'en', 'zh']);
        expect(word.en).toMatch(/^[\w° ,()/-]+$/);
        expect(word.zh).toMatch(/\p{Script=Han}/u);
        expect(phraseOf(kind, word.id)).toMatch(/^[\x20-\x7e]{4,90}$/);
        expect(isWord(kind, word.id)).toBe(true);
      }
    }
  });

  test('the vocabulary puts a phrase in the place of an id and leaves free text and nothing as they are', () => {
    expect(phraseOf('camera_movement', 'push_in')).toBe('the camera slowly pushes in toward the subject');
    expect(phraseOf('camera_movement', 'a drunken sway')).toBe('a drunken sway');
    expect(phraseOf('lighting', '')).toBe('');
    expect(phraseOf('lighting', 'constructor')).toBe('constructor');
    expect(isWord('lighting', 'push_in')).toBe(false);
    expect(isWord('lighting', '')).toBe(false);
  });
});

describe('the words of a text', () => {
  test.each([
    ['camera_movement', 'slow push-in on her face', 'push_in'],
    ['camera_movement', 'The camera pushes in, then pans left', 'push_in pan_left'],
    ['camera_movement', 'panning left please', 'pan_left'],
    ['camera_movement', 'a dolly zoom like Hitchcock', 'dolly_zoom'],
    ['camera_movement', 'full 360 degree orbit', 'orbit_360'],
    ['camera_movement', 'orbit around the car', 'orbit_left'],
    ['camera_movement', '镜头推进，然后向左摇', 'push_in pan_left'],
    ['camera_movement', '用希区柯克变焦', 'dolly_zoom'],
    ['camera_movement', '向左环绕人物', 'orbit_left'],
    ['camera_movement', '摇臂上升', 'crane_up'],
    ['camera_movement', '向左平移', 'truck_left'],
    ['camera_movement', '平移', 'truck_right'],
    ['camera_movement', '变焦推近', 'zoom_in'],
    ['camera_movement', '特别推进一点', 'push_in'],
    ['camera_movement', '推荐一个好的方案', ''],
    ['camera_movement', '不要推镜头', ''],
    ['camera_movement', "please don't zoom in", ''],
    ['camera_movement', 'no camera movement', 'static'],
    ['camera_movement', 'a company in japan left town', ''],
    ['shot_size', '大特写', 'extreme_close_up'],
    ['shot_size', '近景', 'medium_close_up'],
    ['shot_size', '中近景', 'medium_close_up'],
    ['shot_size', '从全景到特写', 'wide close_up'],
    ['shot_size', 'an extreme close-up of the eyes', 'extreme_close_up'],
    ['shot_size', 'a long video with wide smiles', ''],
    ['lighting', 'golden hour light', 'golden_hour'],
    ['lighting', '逆光剪影', 'backlight silhouette'],
    ['lighting', 'soft side lighting', 'side'],
    ['lighting', '霓虹灯光', 'neon'],
    ['lighting', '丁达尔光', 'volumetric'],
    ['lighting', 'the top of the mountain, hard work', ''],
  ] as const)('in %s, "%s" means: %s', (kind, text, expected) => {
    expect(findWords(kind, text).join(' ')).toBe(expected);
  });
});
