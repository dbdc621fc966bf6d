import type { MouseEvent } from 'react';
import type { Workspace } from '../../contract/workspace';
import { useText } from '../i18n';
import { filmPath } from '../state/address';
import { canLeave } from '../state/go-to';
import { chooseOnNextVisit } from '../state/place';
import { useStore, type AppState } from '../state/store';
import { Link } from '../ui/link';

/** The shot that an attempt was for, as a link to it; nothing where this page does not know it. */
export function ShotLink({ attemptId, before }: { attemptId: string; before: string }) {
  const text = useText();
  const shot = useStore(({ byId }) => shotsByAttempt(byId).get(attemptId));
  const number = useStore(({ ids }) => (shot ? ids.indexOf(shot._id) + 1 : 0));
  if (!shot) return null;
  const leave = (event: MouseEvent) => {
    if (canLeave()) chooseOnNextVisit(shot.film_id, shot._id);
    else event.preventDefault();
  };
  return (
    <>
      {before}
      <Link href={filmPath(shot.film_id)} onClick={leave}>
        {text('card.name', { number })}
      </Link>
    </>
  );
}

type Shots = AppState['byId'];
const known = new WeakMap<Shots, Map<string, Workspace>>();

/** The shots by the attempts of their clips, found once for all rows of the page. */
function shotsByAttempt(shots: Shots): Map<string, Workspace> {
  const found = known.get(shots) ?? new Map(Object.values(shots).flatMap(attemptsOf));
  known.set(shots, found);
  return found;
}

const attemptsOf = (shot: Workspace): [string, Workspace][] =>
  [shot.video, ...shot.takes].flatMap(({ attempt_id: id }) => (id === null ? [] : [[id, shot]]));
