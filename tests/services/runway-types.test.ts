// The bodies that our Runway file builds, written as TypeScript and compiled against the types of Runway's own SDK.

import path from 'node:path';
import ts from 'typescript';
import { emptyForm } from '../../src/contract/defaults';
import type { FormData } from '../../src/contract/form';
import { hasAudio, resolutionOf } from '../../src/contract/model-choice';
import { bodyOf, runwayModels, type RunwayModel } from '../../src/services/runway-models';

const file = path.join(__dirname, 'bodies-for-runway.ts');
const head = `import type { ImageToVideoCreateParams } from '@runwayml/sdk/resources';
declare function send(body: ImageToVideoCreateParams): void;
`;

/** What the compiler says about bodies, by their places in the list. */
function faultsOf(bodies: object[]): Map<number, string> {
  const text = head + bodies.map((body) => `send(${JSON.stringify(body)});`).join('\n');
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    types: [],
    noEmit: true,
  };
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => name === file || disk.fileExists(name),
    getSourceFile: (name, ...rest) =>
      name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2023) : disk.getSourceFile(name, ...rest),
  };
  const program = ts.createProgram([file], options, host);
  const faults = ts.getPreEmitDiagnostics(program);
  const firstLine = head.split('\n').length - 1;
  return new Map(
    faults.map(({ file: source, start, messageText }) => [
      (source?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0) - firstLine,
      ts.flattenDiagnosticMessageText(messageText, '\n'),
    ]),
  );
}

function formsOf(model: RunwayModel): FormData[] {
  const { durations_s: durations, aspect_ratios: ratios } = model;
  const resolutions = model.resolutions.length > 0 ? model.resolutions : [''];
  const sounds = model.audio === 'switch' ? [false, true] : [false];
  const ends: FormData['end'][] = model.end_image ? ['none', 'image'] : ['none'];
  const words = { prompt: 'The lighthouse lamp turns.', negative_prompt: 'blur', seed: 7 };
  return durations
    .flatMap((duration_s) => ratios.map((aspect_ratio) => ({ ...emptyForm, ...words, duration_s, aspect_ratio })))
    .flatMap((form) => resolutions.map((resolution) => ({ ...form, resolution })))
    .flatMap((form) => sounds.map((audio) => ({ ...form, audio })))
    .flatMap((form) => ends.map((end) => ({ ...form, end })));
}

const sent = (model: RunwayModel, form: FormData) =>
  bodyOf(model, {
    attempt_id: 'attempt',
    model: model.id,
    form_data: form,
    resolution: resolutionOf(model, form),
    audio: hasAudio(model, form),
    imageFile: '',
    endImageFile: form.end === 'none' ? null : '',
    image: Buffer.from('picture'),
    endImage: form.end === 'none' ? null : Buffer.from('end'),
    prepared: null,
  });

test('everything that is offered for Runway makes a body that its own types take', () => {
  const bodies = runwayModels.flatMap((model) => formsOf(model).map((form) => sent(model, form)));
  expect(bodies.length).toBeGreaterThan(1000);
  expect([...faultsOf(bodies)].map(([place, fault]) => [bodies[place], fault])).toEqual([]);
});

test('a body with anything that a model of Runway does not take is not taken by its types', () => {
  const like = (id: string, changes: object) => {
    const model = runwayModels.find((one) => one.id === id)!;
    return { ...sent(model, formsOf(model)[0]!), ...changes };
  };
  const outside = [
    like('gen4.5', { model: 'gen4.6' }),
    like('gen4.5', { ratio: '1920:1080' }),
    like('gen4.5', { audio: false }),
    like('gen4.5', { promptText: undefined }),
    like('gen4.5', { promptImage: [{ uri: 'u', position: 'last' }] }),
    like('gen4_turbo', { promptImage: [{ uri: 'u', position: 'last' }] }),
    like('veo3.1', { promptImage: [{ uri: 'u', position: 'end' }] }),
    like('veo3.1', { duration: 5 }),
    like('veo3.1_fast', { resolution: '720p' }),
    like('seedance2_fast', { ratio: '1920:1080' }),
    like('seedance2_5', { ratio: '864:496' }),
    like('seedance2', { negativePrompt: 'blur' }),
    like('hailuo3', { ratio: '1280:720' }),
    like('hailuo3', { seed: 7 }),
    like('h3_max', { ratio: '16:9' }),
    like('h3_max', { resolution: '720p' }),
    like('wan3', { ratio: '16:9' }),
    like('wan3_prime', { resolution: '720p' }),
  ];
  expect([...faultsOf(outside).keys()].sort((a, b) => a - b)).toEqual([...outside.keys()]);
});
