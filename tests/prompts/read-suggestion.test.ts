import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { readSuggestion, type VideoLimits } from '../../src/prompts/read-suggestion';

const capabilities: VideoLimits = {
  durations_s: [5, 10],
  aspect_ratios: ['16:9', '9:16'],
  prompt_max: 1000,
  negative_prompt: false,
  seed: true,
};
const form: FormData = { ...emptyForm, camera_movement: 'static', prompt: 'she smiles' };
const json = (value: unknown) => JSON.stringify(value);
const good = json({ message: 'Push in slowly.', patch: { camera_movement: 'push_in' } });

describe('what a model writes', () => {
  const read = (text: string, current = form) => readSuggestion(text, current, capabilities, 'fake');
  const patchOf = (patch: unknown) => read(json({ message: 'm', patch })).form_data;

  test.each([
    ['plain JSON', good],
    ['a fence', '```json\n' + good + '\n```'],
    ['prose around', `Here you are:\n${good}\nEnjoy!`],
    ['thinking before', `<think>maybe {"message":"no"}</think>\n${good}`],
    ['thinking without its opening tag', `maybe {"a":1}\n</think>${good}`],
    ['white space', `\n\n  ${good}  \n`],
    ['unknown keys', json({ ...(JSON.parse(good) as object), extra: 1 })],
  ])('what a model writes is read through %s', (_what, text) => {
    expect(read(text)).toEqual({ message: 'Push in slowly.', form_data: { camera_movement: 'push_in' } });
  });

  const advice = { message: 'Push in slowly.', form_data: { camera_movement: 'push_in' } };

  test.each([
    ['a comma before a brace', '{"message":"Push in slowly.","patch":{"camera_movement":"push_in",},}'],
    ['single quotes', "{'message':'Push in slowly.','patch':{'camera_movement':'push_in'}}"],
    ['smart quotes', '{“message”:“Push in slowly.”,“patch”:{“camera_movement”:“push_in”}}'],
    ['wide punctuation', '｛“message”：“Push in slowly.”，“patch”：｛“camera_movement”：“push_in”｝｝'],
    ['wide colons and commas', '{"message"："Push in slowly."，"patch"：{"camera_movement"："push_in"}}'],
    [
      'wide punctuation and prose',
      `好的：\n｛＂message＂：＂Push in slowly.＂，＂patch＂：｛＂camera_movement＂：＂push_in＂，｝｝\n希望有用`,
    ],
    ['a string around it', json(good)],
    ['the reply in its own message', json({ message: good, patch: {} })],
    [
      'the reply without its patch in a message',
      json({ message: json({ message: 'Push in slowly.' }), patch: { camera_movement: 'push_in' } }),
    ],
    ['keys without quotes', '{message:"Push in slowly.",patch:{camera_movement:"push_in"}}'],
    ['comments', '{"message":"Push in slowly.", // it\'s calm\n"patch":{/* one */"camera_movement":"push_in"}}'],
    ['a missing last brace', good.slice(0, -1)],
    ['two missing braces', good.slice(0, -2)],
    ['a missing last brace and prose behind', `${good.slice(0, -1)}\n\nEnjoy!`],
    ['the object twice', good + good],
    ['the object twice, the second one cut', good + good.slice(0, 30)],
    ['braces in the prose before', `I use {camera} and {light}: ${good}`],
    ['braces in the prose behind', `${good}\nSet {camera_movement} if you like.`],
    ['a fence without an end', '```json\n' + good],
    ['an object around it', json({ suggestion: JSON.parse(good) as object })],
    ['a call of a tool around it', json({ name: 'shot_suggestion', arguments: JSON.parse(good) as object })],
    ['a list around it', `[${good}]`],
    ['None for null', `{"message":"Push in slowly.","patch":{"camera_movement":"push_in","lighting":None}}`],
  ])('what a model writes is read through one slip: %s', (_what, text) => {
    expect(read(text)).toEqual(advice);
  });

  test('what a model writes is read through a line break in a string', () => {
    const text = '{"message":"Push in\nslowly.","patch":{"camera_movement":"push_in"}}';
    expect(read(text)).toEqual({ ...advice, message: 'Push in\nslowly.' });
  });

  test.each([
    ['Say "go" now.', '{"message":"Say "go" now.","patch":{"camera_movement":"push_in"}}'],
    ['Use a "dolly in", slowly.', '{"message": "Use a "dolly in", slowly.", "patch": {"camera_movement": "push_in"}}'],
    ['"a", "b", and "c"', '{"message":""a", "b", and "c"","patch":{"camera_movement":"push_in"}}'],
    ['A "dolly": it moves {so}.', '{"message":"A "dolly": it moves {so}.","patch":{"camera_movement":"push_in"}}'],
    ['Lens 6" wide, slowly.', '{"message":"Lens 6" wide, slowly.","patch":{"camera_movement":"push_in"}}'],
    ['用“慢推”，再停。', '｛“message”：“用“慢推”，再停。”，“patch”：｛“camera_movement”：“push_in”｝｝'],
    ['用"慢推"，再停。', '```json\n{"message": "用"慢推"，再停。", "patch": {"camera_movement": "push_in"}}\n```'],
  ])('what a model writes is read through quotes in a string: %s', (message, text) => {
    expect(read(text)).toEqual({ ...advice, message });
  });

  test.each([
    ['cut in wide punctuation', '｛“message”：“用慢推，再停', '用慢推，再停'],
    ['with code in it', '{"message":"Push in.\\nSlowly.","patch":{"duration_s"=>10}}', 'Push in.\nSlowly.'],
    ['with a message of another type', '{"message":{"text":"hi"},"patch":{}}', 'hi'],
  ])('what a model writes is at worst its message, where it is JSON %s', (_what, text, message) => {
    expect(read(text)).toEqual({ message, form_data: {} });
  });

  test.each([
    ['in the message', '{"message":"Push in slowly and th', 'Push in slowly and th', {}],
    [
      'in the prompt, of which half is not taken',
      '{"message":"m","patch":{"camera_movement":"push_in","prompt":"she turns, her',
      'm',
      { camera_movement: 'push_in' },
    ],
    [
      'in the prompt, in a form for the patch',
      '{"message":"m","form_data":{"camera_movement":"push_in","prompt":"she turns, her',
      'm',
      { camera_movement: 'push_in' },
    ],
    ['in a prompt beside the message', '{"message":"m","duration_s":10,"prompt":"she tu', 'm', { duration_s: 10 }],
    ['in a number', '{"message":"m","patch":{"lighting":"soft","duration_s":1', 'm', { lighting: 'soft' }],
    ['behind a change', '{"message":"m","patch":{"lighting":"soft",', 'm', { lighting: 'soft' }],
    ['behind a fence', '```json\n{"message":"Push in slo', 'Push in slo', {}],
  ])('what a model writes keeps what can be read when it is cut %s', (_where, text, message, changes) => {
    expect(read(text)).toEqual({ message, form_data: changes });
  });

  test.each([
    ['<think>', `<think>maybe {"message":"no"} or {x}</think>\n${good}`],
    ['<thinking>', `<thinking>\nuse {camera}: {"message":"no","patch":{}}\n</thinking>\n\n${good}`],
    ['<seed:think>', `<seed:think>{"message":"no"} hm {</seed:think>${good}`],
    ['[THINK]', `[THINK]{"message":"no"} {hm[/THINK]${good}`],
    ['<reasoning>', `<reasoning>{no}</reasoning>${good}`],
    ['<thought>', `<thought>{no}</thought>${good}`],
    ['◁think▷', `◁think▷{no}◁/think▷${good}`],
    ['an opening tag left out', `{"message":"no"} {hm\n</think>${good}`],
    ['a tag in the thought', `<think>the <think> tag {a <think>b</think> c}</think>${good}`],
    ['two thoughts', `<think>{a</think><think>{b</think>${good}`],
    [
      'channels',
      `<|channel|>analysis<|message|>{"message":"no"} {x<|end|><|start|>assistant<|channel|>final<|message|>${good}<|return|>`,
    ],
    [
      'channels with a format',
      `<|channel|>analysis<|message|>{x<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>${good}`,
    ],
    [
      '<|START_THINKING|>',
      `<|START_THINKING|>{"message":"no"} {x<|END_THINKING|><|START_RESPONSE|>${good}<|END_RESPONSE|>`,
    ],
    ['<|channel>thought', `<|channel>thought\n{"message":"no"} {x<channel|>${good}`],
    ['<unused94>', `<unused94>thought\n{"message":"no"} {x<unused95>${good}`],
    ['<analysis>', `<analysis>{"message":"no"} {x</analysis>\n${good}`],
    ['channels without their signs', `analysisThe user wants {"message":"no"}.assistantfinal${good}`],
  ])('what a model writes is read behind a thought: %s', (_what, text) => {
    expect(read(text)).toEqual(advice);
  });

  test.each([
    ['Cohere', '<|START_THINKING|>secret<|END_THINKING|><|START_RESPONSE|>Push in.<|END_RESPONSE|>'],
    ['OpenThinker', '<|begin_of_thought|>secret<|end_of_thought|>\n<|begin_of_solution|>Push in.<|end_of_solution|>'],
    ['Gemma', '<|channel>thought\nsecret<channel|>Push in.'],
    ['MedGemma', '<unused94>thought\nsecret {x}<unused95>Push in.'],
    ['Claude-like prompts', '<analysis>secret</analysis>\n<reflection>secret</reflection>\n<output>Push in.</output>'],
    [
      'Open WebUI',
      '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 s</summary>\n> secret\n</details>\nPush in.',
    ],
    ['Ollama', 'Thinking...\nsecret\n...done thinking.\n\nPush in.'],
    ['Granite', 'Here is my thought process: secret\n\nHere is my response: Push in.'],
    ['Granite, in short', "Here's my thought process:\nsecret\nHere's my response:\nPush in."],
    ['a relay that writes wide signs', '＜think＞secret＜/think＞Push in.'],
    ['a relay that escapes signs', '&lt;think&gt;secret&lt;/think&gt;Push in.'],
    ['a template that opened the thought', 'secret</think>Push in.'],
    ['DeepSeek', '<think>secret</think>\n\n<answer>Push in.</answer>'],
  ])('what a model writes is prose behind a thought as %s writes it', (_who, text) => {
    expect(read(text)).toEqual({ message: 'Push in.', form_data: {} });
  });

  test.each([
    'Write <think> first, and </think> behind it.',
    'The tags "<think>" and "</think>" stand around a thought.',
    'A reflection: <reflection> is no tag of a form, and <analysis> is none either.',
    'Thinking... of rain? Push in.',
    'Here is my thought process: push in, then hold.',
    'The window has <details> of frost.',
    'Her thought ends; the channel between the hills opens.',
  ])('what a model writes keeps prose that only speaks of thoughts: %s', (text) => {
    expect(read(text)).toEqual({ message: text, form_data: {} });
  });

  test('what a model writes keeps its own words about tags', () => {
    const text = json({ message: 'Write <think> or [THINK] {x} </think>.', patch: {} });
    expect(read(text).message).toBe('Write <think> or [THINK] {x} </think>.');
  });

  test('what a model writes is prose where braces hold no advice', () => {
    const text = 'Set {camera} to "push in" and {light} to soft: {"mood": "calm"}.';
    expect(read(text)).toEqual({ message: text, form_data: {} });
  });

  const megabyte = (part: string, head = '') => (head + part.repeat(Math.ceil(1e6 / part.length))).slice(0, 1e6);

  test.each([
    ['braces', megabyte('{')],
    ['objects in objects', megabyte('{"a":')],
    ['messages in messages', megabyte('{"message":')],
    ['messages without a key', megabyte('{ message ')],
    ['lists in a patch', megabyte('["', '{"patch":')],
    ['quotes', megabyte('"', '{message')],
    ['strings without a comma', megabyte('"a"b"', '{"message":')],
    ['wide quotes', megabyte('“', '｛message')],
    ['wide strings', megabyte('“a”，', '｛“message”：')],
    ['quotes and spaces', megabyte('"   ', '{"message":"')],
    ['wide braces', megabyte('｛“message”：')],
    ['quotes and line breaks', megabyte('"a\n', '{"message":"')],
    ['sums', megabyte('"a"+', '{"message":')],
    ['calls', megabyte('f(', '{"message":')],
    ['backslashes', megabyte('\\"', '{"message":"')],
    ['comments', megabyte('{/* message */')],
    ['tags of thoughts', megabyte('<think>{"message":')],
    ['ends of thoughts', megabyte('</think>{message:')],
    ['half tags of thoughts', megabyte('<think ')],
    ['channels', megabyte('<|channel|>final{"message":')],
    ['frames of thoughts', megabyte('<analysis>')],
    ['frames in frames', megabyte('<analysis></analysis>')],
    ['details of thoughts', megabyte('<details type="reasoning">')],
    ['half details', megabyte('<details ')],
    ['other marks of thoughts', megabyte('<unused94><|channel>thought ')],
    ['spaces', megabyte(' ', '{"message":"m"')],
    ['small objects of advice', megabyte("{'message':'m'} ")],
    ['small objects of none', megabyte('{"mood":"calm"} ') + '"message"'],
  ])('what a model writes is read in a moment, though it is a megabyte of %s', (_what, text) => {
    const before = process.cpuUsage();
    try {
      read(text);
    } catch (error) {
      expect(error).toMatchObject({ code: 'PROVIDER_BAD_REPLY' });
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(600);
  });

  test.each([
    ['behind a long text', `${'Let me think. '.repeat(10_000)}${good}`],
    ['before a long text', `${good}${' and so on'.repeat(10_000)}`],
    ['behind many words in braces', `${'Use {this} and {"that"}. '.repeat(300)}${good}`],
    ['behind many words in braces, with a slip', `${'Use {this} and {"that"}. '.repeat(300)}${good.slice(0, -1)}`],
  ])('what a model writes is read %s', (_where, text) => {
    expect(read(text)).toEqual(advice);
  });

  test('what a model writes keeps the words of a message that repeats itself until it is cut', () => {
    const { message, form_data } = read(`{"message":"${'Push in slowly. '.repeat(5000)}`);
    expect(message).toMatch(/^Push in slowly\. Push/);
    expect(message).toHaveLength(8000);
    expect(form_data).toEqual({});
  });

  test.each([
    ['prose', 'Just push in.'],
    ['prose that begins with a bracket', '[Push in] and hold. {slowly}'],
    ['prose about a message', 'Write the message: "hello" on her sign {slowly}, the "message": "help" on his.'],
    ['prose with words in quotes', '{camera}: "push in", then “hold”：慢慢地。'],
  ])('what a model writes is shown as it is when it is %s', (_what, text) => {
    expect(read(text)).toEqual({ message: text, form_data: {} });
  });

  test('what a model writes keeps good fields beside a message of another type', () => {
    const text = json({ message: 1, patch: { lighting: 'soft' } });
    expect(read(text)).toEqual({ message: '', form_data: { lighting: 'soft' } });
  });

  test.each([
    '',
    '  \n',
    '<think>never ends',
    '<think>a</think>',
    '[THINK]{"message":"no"}',
    '<|channel|>analysis<|message|>{x',
    '{"message":"","patch":{}}',
    '{"patch":{}}',
    '["push_in"]',
    '```json\n{"a": "b" "c"}\n```',
    '\0\0',
  ])('what a model writes is an error when there is nothing in it: %j', (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'PROVIDER_BAD_REPLY' }) as Error);
  });

  test('what a model writes stays text: HTML is not touched, control characters go, and 8000 characters are enough', () => {
    const html = '<img src=x onerror=alert(1)> **bold** [x](javascript:1)';
    expect(read(json({ message: html, patch: {} })).message).toBe(html);
    expect(read(json({ message: 'a\u0000b\u001b[31mc\nd', patch: {} })).message).toBe('ab[31mc\nd');
    expect(read('x'.repeat(9000)).message).toHaveLength(8000);
    expect(read(`{"message":"broken \\ud800 pair","patch":{}}`).message.isWellFormed()).toBe(true);
  });

  test.each<[string, unknown, Partial<FormData>]>([
    [
      'every field',
      {
        camera_movement: 'push_in',
        shot_size: 'wide',
        lighting: 'rim',
        prompt: 'she turns',
        duration_s: 10,
        aspect_ratio: '9:16',
        seed: 7,
      },
      {
        camera_movement: 'push_in',
        shot_size: 'wide',
        lighting: 'rim',
        prompt: 'she turns',
        duration_s: 10,
        aspect_ratio: '9:16',
        seed: 7,
      },
    ],
    ['nothing', {}, {}],
    ['null as unchanged', { camera_movement: null, prompt: null, duration_s: null, seed: null }, {}],
    ['nothing for empty text', { camera_movement: '', prompt: '  ', lighting: '' }, {}],
    ['nothing that is so already', { camera_movement: 'static', prompt: 'she smiles', duration_s: 5 }, {}],
    ['only what differs', { camera_movement: 'static', lighting: 'soft' }, { lighting: 'soft' }],
    ['no unknown ids', { camera_movement: 'fly_around', shot_size: '斜角', lighting: 'constructor' }, {}],
    [
      'ids for labels',
      { camera_movement: 'Pull Out', shot_size: '特写', lighting: '柔光' },
      { camera_movement: 'pull_out', shot_size: 'close_up', lighting: 'soft' },
    ],
    [
      'ids for labels as the rules list them',
      { camera_movement: 'push_in (Push in / dolly in)', shot_size: 'Medium (MS)', lighting: 'Golden-Hour' },
      { camera_movement: 'push_in', shot_size: 'medium', lighting: 'golden_hour' },
    ],
    ['an id for words that mean one', { camera_movement: 'slow push-in on her face' }, { camera_movement: 'push_in' }],
    ['nothing for words that mean two', { camera_movement: 'push in, then pan left' }, {}],
    [
      'numbers in strings',
      { duration_s: '10', seed: ' 7 ', aspect_ratio: '9：16' },
      { duration_s: 10, seed: 7, aspect_ratio: '9:16' },
    ],
    ['numbers with their unit', { duration_s: '10 seconds' }, { duration_s: 10 }],
    ['nothing for the words of "unchanged"', { prompt: 'null', negative_prompt: 'None', seed: 'unchanged' }, {}],
    ['a patch in a string', '{"camera_movement":"push_in"}', { camera_movement: 'push_in' }],
    ['a patch in a string with a slip', "{'camera_movement':'push_in',}", { camera_movement: 'push_in' }],
    ['no id of another field', { camera_movement: 'close_up' }, {}],
    ['no wrong types', { camera_movement: 1, prompt: ['a'], duration_s: 'ten', aspect_ratio: {}, seed: 'x' }, {}],
    ['no length that the video provider cannot do', { duration_s: 8 }, {}],
    ['no ratio that the video provider cannot do', { aspect_ratio: '21:9' }, {}],
    ['no prompt that the video provider cannot read', { prompt: 'x'.repeat(1001) }, {}],
    ['no negative prompt where there is none', { negative_prompt: 'blur' }, {}],
    ['no broken text', { prompt: 'a\ud800' }, {}],
    ['no keys of its own', { status: 'completed', $set: {}, __proto__: 1, 'constructor.x': 'x' }, {}],
    ['a list', ['push_in'], {}],
    ['a string', 'push_in', {}],
  ])('what a model writes changes the form by %s', (_what, patch, expected) => {
    expect(patchOf(patch)).toEqual(expected);
  });

  const both = { camera_movement: 'push_in', duration_s: 10 };

  test.each<[string, unknown]>([
    ['a list of fields and values', { patch: Object.entries(both).map(([field, value]) => ({ field, value })) }],
    ['a list of objects', { patch: [{ camera_movement: 'push_in' }, { duration_s: 10 }] }],
    ['a list of both', { patch: [{ name: 'duration_s', value: 10 }, { camera_movement: 'push_in' }, 'x', null] }],
    [
      'a JSON patch',
      { patch: Object.entries(both).map(([key, value]) => ({ op: 'replace', path: `/form_data/${key}`, value })) },
    ],
    ['dotted keys', { patch: { 'form_data.camera_movement': 'push_in', 'form_data.duration_s': 10 } }],
    ['a form in the patch', { patch: { form_data: both } }],
    ['changes in the patch', { patch: { changes: [both] } }],
    ['a form for the patch', { form_data: both }],
    ['updates for the patch', { updates: both }],
    ['changes as a string', { changes: json(both) }],
    ['dotted keys beside the message', { 'form_data.camera_movement': 'push_in', 'form_data.duration_s': 10 }],
    ['fields beside the message', both],
    ['a patch beside an echo of the form', { patch: both, form_data: { lighting: 'rim' } }],
    ['a patch of null beside changes', { patch: null, changes: both }],
  ])('what a model writes is read where the changes stand as %s', (_what, fields) => {
    expect(read(json({ message: 'm', ...(fields as object) }))).toEqual({ message: 'm', form_data: both });
  });

  test('what a model writes does not reach the prototype', () => {
    const text =
      '{"message":"m","patch":{"__proto__":{"camera_movement":"push_in"},"constructor":{"prototype":{}},"a.__proto__":{"x":1}}}';
    expect(read(text).form_data).toEqual({});
    expect(({} as Record<string, unknown>).camera_movement).toBeUndefined();
  });
});
