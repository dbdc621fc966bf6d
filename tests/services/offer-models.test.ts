import type { Problem } from '../../src/config';
import { extraModels, offerModels } from '../../src/services/offer-models';
import { anyModel } from '../fixtures/models';

const table = [anyModel, { ...anyModel, id: 'other', audio: 'never' as const }];

function offer(extra: string | undefined, defaultModel = 'any') {
  const problems: Problem[] = [];
  const offered = offerModels('ACME', table, { problems }, { extra: extraModels.parse(extra), defaultModel });
  return { ...offered, problems };
}

test('a model newer than this version is offered like the one it is named after, without a price', () => {
  const { models, default_model, problems } = offer('new-1:other, new.2:any', 'new-1');
  expect(models).toEqual([
    ...table,
    { ...table[1], id: 'new-1', prices: [], priced_on: null },
    { ...anyModel, id: 'new.2', prices: [], priced_on: null },
  ]);
  expect({ default_model, problems }).toEqual({ default_model: 'new-1', problems: [] });
});

test('a model that this version has by now keeps what it has, and one that is named twice is offered once', () => {
  const { models, problems } = offer('any:other,new:any,new:other');
  expect(models).toEqual([...table, { ...anyModel, id: 'new', prices: [], priced_on: null }]);
  expect(problems).toEqual([]);
});

test('a name that is not a model is a problem that lists the models', () => {
  const list = 'which is not a model here; choose one of any, other';
  expect(offer('new:nothing').problems).toEqual([
    { variable: 'ACME_EXTRA_MODELS', message: `names "nothing", ${list}` },
  ]);
  expect(offer(undefined, 'nothing')).toMatchObject({
    default_model: 'any',
    problems: [{ variable: 'ACME_MODEL', message: `names "nothing", ${list}` }],
  });
});

test.each(['new', 'new:', ':any', 'new:any:other', 'new:any,', 'a b:any', '../x:any'])(
  'extra models are a comma list of new-name:known-name, which "%s" is not',
  (value) => {
    expect(extraModels.safeParse(value).success).toBe(false);
  },
);
